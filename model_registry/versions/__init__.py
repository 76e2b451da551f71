"""Versions: immutable models as they are registered and stored."""

from model_registry.versions.candidate import CalibrationBin as CalibrationBin
from model_registry.versions.candidate import Candidate as Candidate
from model_registry.versions.candidate import GoldenVectors as GoldenVectors
from model_registry.versions.draft import Draft as Draft
from model_registry.versions.held_out import HeldOut as HeldOut
from model_registry.versions.manifest import CARD as CARD
from model_registry.versions.manifest import CARD_HTML as CARD_HTML
from model_registry.versions.manifest import GOLDEN as GOLDEN
from model_registry.versions.manifest import HELD_OUT as HELD_OUT
from model_registry.versions.manifest import REFERENCE as REFERENCE
from model_registry.versions.manifest import Blob as Blob
from model_registry.versions.manifest import Manifest as Manifest
from model_registry.versions.spread import decode_reference as decode_reference
from model_registry.versions.spread import encode_reference as encode_reference
