"""Clock, rows, objects, statuses and messages in memory; each passes its port's contract suite."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from threading import Lock

from domain.errors import KeyChanged
from domain.keys import Key
from domain.purchases import RawRow
from domain.queue import Message, QueueDepth
from domain.values import Clock
from model_registry.errors import UnknownObject
from model_registry.ports import Status


class ManualClock:
    """A clock that stands still until it is set."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        """The instant last set: microseconds since the epoch, UTC."""
        return self.now


class MemoryPurchaseSource:
    """A PurchaseSource over rows in memory."""

    def __init__(self, rows: Sequence[Mapping[str, object]]) -> None:
        self._rows = rows

    @property
    def total(self) -> int:
        """The number of rows."""
        return len(self._rows)

    def rows(self) -> Iterator[RawRow]:
        """Every row, numbered from 1; see PurchaseSource."""
        for number, raw in enumerate(self._rows, start=1):
            yield RawRow(number=number, raw=raw, progress=number)


class MemoryObjectStore:
    """An `ObjectStore` that lives and dies with its process."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}
        self._lock = Lock()

    def get(self, key: str, /) -> bytes:
        """The bytes stored under `key`."""
        with self._lock:
            if key not in self._objects:
                raise UnknownObject(f"no object is stored under {key!r}")
            return self._objects[key]

    def put_if_absent(self, key: str, content: bytes, /) -> bool:
        """Whether this call stored `content`."""
        with self._lock:
            if key in self._objects:
                return False
            self._objects[key] = content
            return True

    def keys(self, prefix: str, /) -> Sequence[str]:
        """Every key that starts with `prefix`, ascending."""
        with self._lock:
            return sorted(key for key in self._objects if key.startswith(prefix))


class MemoryPlace(MemoryObjectStore):
    """An `ObjectStore` that also changes and forgets; see `adapters.campaigns.places`."""

    def put_status(self, key: str, content: bytes, /) -> None:
        """`content` is what is stored under `key` from now on."""
        with self._lock:
            self._objects[key] = content

    def remove_status(self, key: str, /) -> None:
        """Nothing is stored under `key` from now on."""
        with self._lock:
            self._objects.pop(key, None)

    def remove_unfinished(self, before: int, /) -> int:
        """Nothing is ever left in memory."""
        return 0 * before


class MemoryStatusStore:
    """A `StatusStore` that lives and dies with its process; `clock` is the store's own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._statuses: dict[str, Status] = {}
        self._lock = Lock()

    def put_status(self, key: str, content: bytes, /) -> None:
        """`content` is what is stored under `key` from now on."""
        with self._lock:
            self._statuses[key] = Status(key=key, content=content, written_at=self._clock())

    def remove_status(self, key: str, /) -> None:
        """Nothing is stored under `key` from now on."""
        with self._lock:
            self._statuses.pop(key, None)

    def statuses(self, prefix: str, /) -> Sequence[Status]:
        """Every status under the prefix, by ascending key."""
        with self._lock:
            return [s for key, s in sorted(self._statuses.items()) if key.startswith(prefix)]


class MemoryQueue:
    """A `MessageQueue` that lives and dies with its process; `seconds` is a clock for hiding."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._numbers = count(1)
        self._messages: dict[str, Message] = {}
        self._hidden_until: dict[str, float] = {}

    async def receive(self, *, wait_s: int, visibility_s: int) -> Sequence[Message]:
        """At most ten messages, without waiting; see the port."""
        await asyncio.sleep(0 * wait_s)  # lets others run, as a real queue would
        now = self._seconds()
        found = [m for key, m in self._messages.items() if self._hidden_until.get(key, now) <= now]
        await self.hide(found[:10], seconds=visibility_s)
        return found[:10]

    async def delete(self, messages: Sequence[Message], /) -> None:
        """None of them comes again."""
        for message in messages:
            self._messages.pop(message.receipt, None)

    async def hide(self, messages: Sequence[Message], /, *, seconds: int) -> None:
        """Nobody receives them for so long."""
        until = self._seconds() + seconds
        self._hidden_until |= {message.receipt: until for message in messages}

    async def send(self, body: str, /, *, reason: str | None, group: str | None) -> None:
        """The message is in the queue."""
        key = str(next(self._numbers))
        self._messages[key] = Message(
            receipt=key,
            message_id=key,
            body=body,
            reason=reason,
            group=group,
            sent_at=time.time_ns() // 1_000,
        )

    async def depth(self) -> QueueDepth:
        """How many messages there are; see the port."""
        now = self._seconds()
        hidden = sum(self._hidden_until.get(key, now) > now for key in self._messages)
        return QueueDepth(visible=len(self._messages) - hidden, in_flight=hidden, delayed=0)


class MemorySeenIds:
    """`SeenIds` in a dictionary."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], tuple[int, int]] = {}

    def count(self, who: str, purchase_id: str, row: int, /) -> tuple[int, int]:
        """How often it came, this time included, and in which row first; see the port."""
        number, first = self._seen.get((who, purchase_id), (0, row))
        self._seen[who, purchase_id] = (number + 1, first)
        return number + 1, first

    def close(self) -> None:
        """Forgets everything."""
        self._seen.clear()


class MemoryKeyStore:
    """A `KeyStore` that lives and dies with its process."""

    def __init__(self, keys: Sequence[Key] = ()) -> None:
        self._keys = {key.key_id: key for key in keys}

    async def every(self) -> Sequence[Key]:
        """Every key, by its id; see the port."""
        return [key for _, key in sorted(self._keys.items())]

    async def save(self, key: Key, /) -> None:
        """The key is stored, unless somebody else changed it; see the port."""
        before = self._keys.get(key.key_id)
        if (before.writes if before else 0) != key.writes - 1:
            raise KeyChanged("the key was changed meanwhile; look again")
        self._keys[key.key_id] = replace(key, last_used=before.last_used if before else None)

    async def mark_used(self, key_id: str, day: int, /) -> None:
        """The day of the last use; see the port."""
        key = self._keys.get(key_id)
        if key is not None:
            self._keys[key_id] = replace(key, last_used=max(day, key.last_used or 0))
