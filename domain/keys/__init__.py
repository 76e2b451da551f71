"""Keys: who may ask for what, and from where."""

from domain.keys.key import Key as Key
from domain.keys.key import KeyKind as KeyKind
from domain.keys.key import Rate as Rate
from domain.keys.key import Scope as Scope
from domain.keys.keyring import Keyring as Keyring
from domain.keys.managing import ACTOR as ACTOR
from domain.keys.managing import DEFAULT_RATE as DEFAULT_RATE
from domain.keys.managing import MOST_DAYS as MOST_DAYS
from domain.keys.managing import KeyWanted as KeyWanted
from domain.keys.managing import ManageKeys as ManageKeys
from domain.keys.ports import KeyStore as KeyStore
from domain.keys.secrets import IssuedKey as IssuedKey
from domain.keys.secrets import new_key_id as new_key_id
from domain.keys.secrets import new_secret as new_secret
