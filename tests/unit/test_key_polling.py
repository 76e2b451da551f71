"""Reading the keys goes on, whatever one reading meets."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from api.process.key_polling import KeyPolling
from domain.errors import StoreUnavailable
from domain.keys import Key, Keyring
from tests.builders import NOW
from tests.doubles.memory import ManualClock, MemoryKeyStore

pytestmark = pytest.mark.anyio


class Troubled(MemoryKeyStore):
    """Meets these troubles first, one a reading."""

    def __init__(self, *troubles: Exception) -> None:
        super().__init__()
        self.troubles = list(troubles)
        self.read = asyncio.Event()

    async def every(self) -> Sequence[Key]:
        if self.troubles:
            raise self.troubles.pop(0)
        self.read.set()
        return await super().every()


async def test_no_trouble_of_one_reading_ends_the_reading() -> None:
    store = Troubled(StoreUnavailable("gone"), RuntimeError("unexpected"), StoreUnavailable("gone"))
    keyring = Keyring(clock=ManualClock(NOW), monotonic=time.monotonic)
    polling = KeyPolling(store, keyring, every_s=0)
    await polling.start()
    async with asyncio.timeout(20):
        await store.read.wait()
    await polling.stop()
    assert store.troubles == []
    assert keyring.holds_none
