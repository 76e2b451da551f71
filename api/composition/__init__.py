"""The composition root: the one place where adapters are built and use cases get theirs."""

from api.composition.application import Application as Application
from api.composition.application import application as application
from api.composition.exports import export_engine as export_engine
from api.composition.exports import exported_purchases as exported_purchases
from api.composition.features import built_in_sets as built_in_sets
from api.composition.features import feature_set_of as feature_set_of
from api.composition.features import read_feature_sets as read_feature_sets
from api.composition.local import audience_files as audience_files
from api.composition.local import audience_parts as audience_parts
from api.composition.local import engine as engine
from api.composition.local import file_mapping as file_mapping
from api.composition.local import file_purchases as file_purchases
from api.composition.local import import_parts as import_parts
from api.composition.local import import_results as import_results
from api.composition.local import port_is_free as port_is_free
from api.composition.local import sample_purchases as sample_purchases
from api.composition.local import workers_of as workers_of
from api.composition.queues import queues as queues
from api.composition.queues import worker as worker
from api.composition.registry import audit_trail as audit_trail
from api.composition.registry import candidate_in as candidate_in
from api.composition.registry import open_registry as open_registry
from api.composition.registry import package_model as package_model
from api.composition.registry import presence_only as presence_only
from api.composition.web import flags_of as flags_of
from api.composition.web import sign_token as sign_token
