"""The command that signs a customer's token, for trying it."""

from pathlib import Path
from typing import Annotated

import typer

from api.composition import sign_token
from api.process import load_settings
from domain.purchases import customer_id_of

HOUR_S = 3600


def token(
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    *,
    ttl: Annotated[
        int, typer.Option(min=1, max=24 * HOUR_S, help="Seconds until it expires.")
    ] = HOUR_S,
    key: Annotated[
        Path | None,
        typer.Option(
            help="Private key in PEM that signs.", show_default="the secret of the setting"
        ),
    ] = None,
) -> None:
    """Sign a customer's token, as the shop's server would; for trying it.

    Signs with PROPENSITY_CUSTOMER_TOKEN_SECRET (HS256), or with a private key (ES256, EdDSA).
    """
    typer.echo(sign_token(load_settings(), customer_id_of(customer), ttl_s=ttl, key=key))
