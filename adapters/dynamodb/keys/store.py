"""Keys in DynamoDB: a small table, read whole."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pynamodb.exceptions import PutError, UpdateError

from adapters.dynamodb.schema import KeyRow, why_unreadable
from adapters.dynamodb.wire import DynamoClient, error_code
from domain.errors import KeyChanged
from domain.keys import Key, KeyKind, Rate, Scope

_SCOPES = set(Scope)
"""Of a key that was made with another one, as by another release, that one opens nothing."""
_CONDITION_FAILED = "ConditionalCheckFailedException"


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
        write = self._add if key.writes == 1 else self._change
        if await self._client.retried(self._client.write_deadline(), _done, write, key):
            return
        # An attempt whose answer was lost may have stored it.
        stored = {each.key_id: each for each in await self.every()}.get(key.key_id)
        if stored is None or _changes(stored) != _changes(key):
            raise KeyChanged("the key was changed meanwhile; look again")

    async def mark_used(self, key_id: str, day: int, /) -> None:
        """The day of the last use; see the port."""
        deadline = self._client.write_deadline()
        await self._client.retried(deadline, _done, self._mark, key_id, day)  # or used later

    def _add(self, key: Key) -> None:
        row: Any = self._client.keys(
            key.key_id,
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
        row.save(condition=KeyRow.key_id.does_not_exist())

    def _change(self, key: Key) -> None:
        """Sets what rotating and revoking change; the day of the last use stays as it is."""
        changed: Sequence[tuple[Any, object]] = [
            (KeyRow.sha256, key.sha256.hex()),
            (KeyRow.revoked_at, key.revoked_at),
            (KeyRow.previous_sha256, key.previous_sha256 and key.previous_sha256.hex()),
            (KeyRow.previous_until, key.previous_until),
            (KeyRow.writes, key.writes),
        ]
        self._client.keys(key.key_id).update(
            actions=[field.set(value) for field, value in changed if value is not None],
            condition=KeyRow.writes == key.writes - 1,
        )

    def _mark(self, key_id: str, day: int) -> None:
        earlier = KeyRow.last_used.does_not_exist() | (KeyRow.last_used < day)
        self._client.keys(key_id).update(
            actions=[KeyRow.last_used.set(day)], condition=KeyRow.key_id.exists() & earlier
        )


def _done(write: Callable[..., None], *args: object) -> bool:
    """Whether the write was made; not, where its condition failed."""
    try:
        write(*args)
    except (PutError, UpdateError) as exc:
        if error_code(exc) != _CONDITION_FAILED:
            raise
        return False
    return True


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
