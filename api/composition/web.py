"""What the open web needs: flags, and customers' tokens."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.clock import SystemClock
from api.process import Settings

if TYPE_CHECKING:
    from adapters.customer_tokens import JwtCustomerTokens
    from domain.decisions import Flag


def flags_of(settings: Settings) -> "Mapping[str, Flag]":
    """The flags that the settings' file declares, or the banner alone.

    Raises:
        Rejected: the file cannot be read, or does not declare flags.
    """
    from adapters.flags_file import read_flags
    from domain.decisions import Flag

    if settings.decisions:
        return read_flags(
            Path(settings.decisions), policy=settings.banner_policy, models=settings.served_models
        )
    banner = Flag.banner(settings.banner_policy)
    return {banner.key: banner}


def customer_tokens(settings: Settings) -> "JwtCustomerTokens":
    """What checks customers' tokens; without a key it takes none.

    Raises:
        Rejected: the key or the secret is none.
    """
    from adapters.customer_tokens import JwtCustomerTokens, public_keys, shared_secrets

    secret, other = settings.customer_token_secret, settings.customer_token_other_secret
    if settings.customer_token_keys:
        keys = public_keys(Path(settings.customer_token_keys))
    else:
        keys = (
            []
            if secret is None
            else shared_secrets(secret.value, None if other is None else other.value)
        )
    return JwtCustomerTokens(keys, audience=settings.customer_token_audience, clock=SystemClock())


def sign_token(
    settings: Settings, customer_id: str, *, ttl_s: int = 3600, key: Path | None = None
) -> str:
    """A customer's token, signed with the private key or with the settings' secret.

    Raises:
        Rejected: there is nothing to sign with.
    """
    from adapters.customer_tokens import sign

    secret = settings.customer_token_secret
    return sign(
        customer_id,
        secret=None if secret is None else secret.value,
        key=key,
        audience=settings.customer_token_audience,
        ttl_s=ttl_s,
        clock=SystemClock(),
    )
