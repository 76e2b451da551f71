"""The HTTP API: requests in, answers and problems out."""

from api.http.app import create_app as create_app
from api.http.cursor import Cursors as Cursors
from api.http.openapi import MAX_PURCHASES as MAX_PURCHASES
