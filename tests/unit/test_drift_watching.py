"""Watching for drift: counts reach the store at the end, and no trouble ends the thread."""

from collections.abc import Sequence
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from api.composition.drift import looking
from api.process import drift_watching
from api.process.drift_watching import DriftWatching
from domain.errors import StoreUnavailable
from model_registry.errors import CorruptRegistry
from model_registry.ports import Status
from model_registry.serving import AskedDays
from model_registry.serving.asked import rendered
from model_registry.storage import asked_prefix
from tests.doubles.memory import MemoryStatusStore
from tests.registries import NAME
from tests.unit.test_asked import TODAY, Hall, a_model, answers


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


def test_damaged_counts_of_a_model_leave_the_others_looked_at() -> None:
    hall, model, found = Hall(), a_model(), dict[str, int]()
    hall.ask(hall.process(), answers(5, model=model))
    (counted,) = [status.content for status in hall.store.statuses("")]
    for name in ("damaged", "sound"):
        key = f"{asked_prefix(name)}{rendered(TODAY)}/{model.version}/p.json"
        hall.store.put_status(key, b"{}" if name == "damaged" else counted)
    served = SimpleNamespace(snapshot=lambda: SimpleNamespace(answering={"champion": model}))
    live: Any = SimpleNamespace(by_name={"damaged": served, "sound": served})
    metrics: Any = SimpleNamespace(
        drift=SimpleNamespace(found=lambda name, drifts: found.update({name: len(drifts)}))
    )
    with pytest.raises(CorruptRegistry, match="damaged"):
        looking(live, hall.days, hall.clock, metrics)()
    assert found == {"damaged": 0, "sound": 1}
