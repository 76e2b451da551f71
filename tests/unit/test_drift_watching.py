"""Watching for drift: counts reach the store at the end, and no trouble ends the thread."""

from collections.abc import Sequence
from threading import Event

import pytest

from api.process import drift_watching
from api.process.drift_watching import DriftWatching
from domain.errors import StoreUnavailable
from model_registry.ports import Status
from model_registry.serving import AskedDays
from tests.doubles.memory import MemoryStatusStore
from tests.registries import NAME
from tests.unit.test_asked import Hall, a_model, answers


class Silent(MemoryStatusStore):
    """Answers nothing, so many times."""

    def __init__(self, hall: Hall, times: int) -> None:
        super().__init__(hall.clock)
        self.times = times

    def put_status(self, key: str, content: bytes, /) -> None:
        if self.times:
            self.times -= 1
            raise StoreUnavailable("no answer")
        super().put_status(key, content)

    def statuses(self, prefix: str, /) -> Sequence[Status]:
        return super().statuses(prefix)


def test_what_was_asked_last_is_counted_when_a_server_stops() -> None:
    hall, model = Hall(), a_model()
    process = hall.process()
    watching = DriftWatching(process, hall.days, [NAME], clock=hall.clock)
    watching.start()
    for prediction in answers(300, model=model):
        process.answered(prediction)
    watching.stop()
    assert hall.customers(model) == [300]


def test_no_trouble_ends_the_watching(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COUNT_S", "PUBLISH_S", "LOOK_S"):
        monkeypatch.setattr(drift_watching, name, 0.001)
    hall, model, looked = Hall(), a_model(), Event()
    hall.store = Silent(hall, times=1)
    hall.days = AskedDays(store=hall.store)
    troubles: list[Exception] = [StoreUnavailable("gone"), RuntimeError("unexpected")]

    def look() -> None:
        if troubles:
            raise troubles.pop()
        looked.set()

    process = hall.process()
    for prediction in answers(30, model=model):
        process.answered(prediction)
    watching = DriftWatching(process, hall.days, [NAME], clock=hall.clock, look=look)
    watching.start()
    assert looked.wait(60)
    watching.stop()
    assert hall.customers(model) == [30]
