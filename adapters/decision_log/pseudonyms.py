"""Pseudonyms: a customer's id sealed under a key, the same text for the same customer."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from domain.errors import CorruptRecord, Rejected

_SETTING = "PROPENSITY_DECISION_LOG_KEY"


class Pseudonyms:
    """Seals under the first key; opens what any of them sealed.

    Deterministic and authenticated: AES-SIV. A pseudonym begins with its key's name, so that an old
    one can be told. Each key has 32 bytes. Source: RFC 5297.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ciphers = {_name(key): AESSIV(key) for key in keys}
        self._newest = _name(keys[0])
        self._encrypt = self._ciphers[self._newest].encrypt

    def seal(self, customer_id: str) -> str:
        """The pseudonym of a customer."""
        return _text(self._newest, self._encrypt(customer_id.encode(), None))

    def every(self, customer_id: str) -> Sequence[str]:
        """The pseudonyms that a customer has, or had before the key changed."""
        plain = customer_id.encode()
        return [_text(name, cipher.encrypt(plain, None)) for name, cipher in self._ciphers.items()]

    def open(self, pseudonym: str) -> str:
        """The customer.

        Raises:
            Rejected: the key that sealed it is not given.
            CorruptRecord: no key sealed it.
        """
        name, _, sealed = pseudonym.partition(".")
        if name not in self._ciphers:
            raise Rejected(_SETTING, f"lacks the key {name}, which sealed some of the customers")
        try:
            return self._ciphers[name].decrypt(urlsafe_b64decode(_padded(sealed)), None).decode()
        except (InvalidTag, ValueError) as exc:
            raise CorruptRecord(f"{pseudonym} was sealed by none of our keys") from exc


def _name(key: bytes) -> str:
    return hashlib.sha256(b"propensity decision log" + key).hexdigest()[:8]


def _text(name: str, sealed: bytes) -> str:
    return f"{name}.{urlsafe_b64encode(sealed).decode().rstrip('=')}"


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)
