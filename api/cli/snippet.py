"""The command that prints what a shop's page loads."""

from typing import Annotated
from urllib.parse import urlsplit

import typer

from domain.errors import InvalidRequest


def snippet(
    *,
    url: Annotated[str, typer.Option(help="Where browsers reach the server.")],
    key: Annotated[str, typer.Option(help="A publishable key.")],
    flag: Annotated[str, typer.Option(help="The flag that decides.")] = "promotion-banner",
    show: Annotated[
        str, typer.Option(help="CSS selector of the element that is shown.")
    ] = "#promotion-banner",
) -> None:
    """Print the tag that a shop's page loads to show its banner, with its integrity hash."""
    from html import escape

    from api.http.web.snippet import SNIPPET, integrity

    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise InvalidRequest("--url", "must be such as https://propensity.example")
    if not key.startswith("pp_pk_"):
        raise InvalidRequest("--key", "must be a publishable key: everybody can read the page")
    attributes = {
        "src": url.rstrip("/") + SNIPPET,
        "integrity": integrity(),
        "crossorigin": "anonymous",
        "data-key": key,
        "data-flag": flag,
        "data-show": show,
        "data-token": "THE CUSTOMER'S TOKEN",
    }
    written = "\n        ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())
    typer.echo(f"<script async {written}></script>")
