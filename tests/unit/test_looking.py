"""What is looked at each second: whatever fails, it is looked at again."""

import asyncio

import pytest

from api.process import looking
from api.process.looking import LoopWatch

pytestmark = pytest.mark.anyio


async def test_a_look_that_fails_is_told_once_and_looked_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(looking, "EVERY_S", 0.0)
    looks, over = list[float](), asyncio.Event()

    def look(lag_s: float) -> None:
        looks.append(lag_s)
        if len(looks) in {1, 2, 4}:
            raise OSError("too many open files")
        if len(looks) == 5:
            over.set()

    watch = LoopWatch(look)
    await watch.start()
    await over.wait()
    await watch.stop()
    assert len(looks) >= 5
    assert len(caplog.records) == 2
    assert all("too many open files" in vars(record)["reason"] for record in caplog.records)
