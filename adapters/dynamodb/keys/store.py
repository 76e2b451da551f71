"""Keys in DynamoDB: a small table, read whole."""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.dynamodb.schema import Expression, KeyRow, item_of, keyed, put, why_unreadable
from adapters.dynamodb.wire import DynamoClient
from domain.errors import KeyChanged
from domain.keys import Key, KeyKind, Rate, Scope

_SCOPES = set(Scope)
"""Of a key that was made with another one, as by another release, that one opens nothing."""


class DynamoKeyStore:
    """KeyStore on one item a key; every reading is a strong Scan of the table, a page or two."""

    def __init__(self, client: DynamoClient) -> None:
        self._client = client

    async def every(self) -> Sequence[Key]:
        """Every key, by its id; see the port."""
        request = {"TableName": self._client.keys.Meta.table_name, "ConsistentRead": True}
        pages = self._client.pages(self._client.read_deadline(), "Scan", request)
        keys = [_key(item) async for page in pages for item in page["Items"]]
        return sorted(keys, key=lambda key: key.key_id)

    async def save(self, key: Key, /) -> None:
        """The key is stored; see the port."""
        operation, request = "UpdateItem", self._change(key)
        if key.writes == 1:
            operation, request = "PutItem", self._add(key)
        if await self._client.written(self._client.write_deadline(), operation, request):
            return
        # An attempt whose answer was lost may have stored it.
        stored = {each.key_id: each for each in await self.every()}.get(key.key_id)
        if stored is None or _changes(stored) != _changes(key):
            raise KeyChanged("the key was changed meanwhile; look again")

    async def mark_used(self, key_id: str, day: int, /) -> None:
        """The day of the last use; see the port."""
        earlier = KeyRow.last_used.does_not_exist() | (KeyRow.last_used < day)
        expression = Expression(
            condition=KeyRow.key_id.exists() & earlier, actions=[KeyRow.last_used.set(day)]
        )
        request = self._update(key_id, expression)
        await self._client.written(self._client.write_deadline(), "UpdateItem", request)  # or later

    def _add(self, key: Key) -> dict[str, Any]:
        item = item_of(
            KeyRow,
            key_id=key.key_id,
            kind=str(key.kind),
            actor=key.actor,
            scopes={str(scope) for scope in key.scopes},
            origins=set(key.origins) or None,
            rate_per_second=key.rate.per_second,
            rate_burst=key.rate.burst,
            sha256=key.sha256.hex(),
            created_at=key.created_at,
            expires_at=key.expires_at,
            writes=key.writes,
        )
        absent = Expression(condition=KeyRow.key_id.does_not_exist())
        return put(self._client.keys, item, **absent.filled())

    def _change(self, key: Key) -> dict[str, Any]:
        """Sets what rotating and revoking change; the day of the last use stays as it is."""
        changed: Sequence[tuple[Any, object]] = [
            (KeyRow.sha256, key.sha256.hex()),
            (KeyRow.revoked_at, key.revoked_at),
            (KeyRow.previous_sha256, key.previous_sha256 and key.previous_sha256.hex()),
            (KeyRow.previous_until, key.previous_until),
            (KeyRow.writes, key.writes),
        ]
        expression = Expression(
            condition=KeyRow.writes == key.writes - 1,
            actions=[field.set(value) for field, value in changed if value is not None],
        )
        return self._update(key.key_id, expression)

    def _update(self, key_id: str, expression: Expression) -> dict[str, Any]:
        return keyed(self._client.keys, item_of(KeyRow, key_id=key_id), **expression.filled())


def _changes(key: Key) -> tuple[object, ...]:
    """What tells two writes of one key apart, whenever it was used."""
    return key.writes, key.sha256, key.revoked_at


def _key(item: Mapping[str, Any]) -> Key:
    def number(name: str) -> int | None:
        return int(item[name]["N"]) if name in item else None

    try:
        previous = item.get("previous_sha256")
        return Key(
            key_id=item["key_id"]["S"],
            kind=KeyKind(item["kind"]["S"]),
            actor=item["actor"]["S"],
            scopes=frozenset(map(Scope, _SCOPES & set(item["scopes"]["SS"]))),
            origins=frozenset(item["origins"]["SS"] if "origins" in item else ()),
            rate=Rate(int(item["rate_per_second"]["N"]), int(item["rate_burst"]["N"])),
            sha256=bytes.fromhex(item["sha256"]["S"]),
            created_at=int(item["created_at"]["N"]),
            expires_at=number("expires_at"),
            revoked_at=number("revoked_at"),
            previous_sha256=None if previous is None else bytes.fromhex(previous["S"]),
            previous_until=number("previous_until"),
            last_used=number("last_used"),
            writes=int(item["writes"]["N"]),
        )
    except (KeyError, ValueError) as exc:
        raise why_unreadable("a key", exc) from exc
