"""Exports of the table to S3, or to a folder."""

import asyncio
from typing import TYPE_CHECKING

from adapters.clock import SystemClock
from api.composition.application import CATEGORY_SHARDS, application
from api.composition.local import engine
from api.process import Settings

if TYPE_CHECKING:
    from adapters.dynamodb.export import ExportedPurchases


def exported_purchases(settings: Settings, location: str) -> "ExportedPurchases":
    """The exports at that location, of the table that the settings name.

    Raises:
        InvalidRequest: the location is none.
        StoreUnavailable: it cannot be opened.
    """
    from adapters.dynamodb.export import ExportedPurchases
    from adapters.object_store import open_object_store

    return ExportedPurchases(
        open_object_store(location),
        table=f"{settings.table_prefix}purchases",
        shards=CATEGORY_SHARDS,
        retention=settings.retention.purchases,
    )


def export_engine(settings: Settings, location: str, *, changes: bool) -> str:
    """The name of a new export of the embedded engine's purchases: whole, or what changed since.

    Raises:
        Rejected: the endpoint is not on this machine, or there is nothing to go on from.
        StoreUnavailable: the engine, or the location, did not answer.
    """
    from adapters.dynamodb.export import find, write_export
    from adapters.object_store import open_object_store

    engine(settings)  # of this machine alone
    objects = open_object_store(location)
    since = find(objects, table=f"{settings.table_prefix}purchases") if changes else None
    with application(settings, batch=True) as built:
        return asyncio.run(write_export(built.client, objects, now=SystemClock()(), since=since))
