"""The HTTP API: requests in, answers and problems out."""

from api.http.app import create_app
from api.http.cursor import Cursors
from api.http.openapi import MAX_PURCHASES
from api.http.tokens import Tokens

__all__ = ["MAX_PURCHASES", "Cursors", "Tokens", "create_app"]
