"""How documents are named and spelled in the object store."""

from model_registry.storage.canonical import Count as Count
from model_registry.storage.canonical import Number as Number
from model_registry.storage.canonical import Sha256 as Sha256
from model_registry.storage.canonical import Text as Text
from model_registry.storage.canonical import canonical as canonical
from model_registry.storage.canonical import check_canonical as check_canonical
from model_registry.storage.canonical import decoded as decoded
from model_registry.storage.layout import asked_prefix as asked_prefix
from model_registry.storage.layout import blob_key as blob_key
from model_registry.storage.layout import check_name as check_name
from model_registry.storage.layout import log_prefix as log_prefix
from model_registry.storage.layout import manifest_key as manifest_key
from model_registry.storage.layout import numbers as numbers
from model_registry.storage.layout import revision_key as revision_key
from model_registry.storage.layout import statuses_prefix as statuses_prefix
