"""The HTTP API: requests in, answers and problems out."""

from api.http.app import create_app
from api.http.cursor import Cursors
from api.http.openapi import MAX_PURCHASES

__all__ = ["MAX_PURCHASES", "Cursors", "create_app"]
