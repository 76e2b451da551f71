"""Drift: who counts the customers that are asked about, and looks at what was counted."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from domain.errors import NoLiveModel

if TYPE_CHECKING:
    from api.composition.metrics import Metrics
    from api.process.drift_watching import DriftWatching
    from domain.prediction import Prediction, PredictPropensity
    from domain.values import Clock
    from model_registry.serving import AskedCustomers, AskedDays, LiveModels, Presence


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What a serving process counts, who counts it aside, and who is told of every prediction."""

    asked: "AskedCustomers"
    watching: "DriftWatching"
    metrics: "Metrics | None"

    def watched(self, predict: "PredictPropensity") -> "PredictPropensity":
        """The same predictions, each of them counted."""
        asked, metrics = self.asked.answered, self.metrics
        if metrics is None:
            return replace(predict, answered=asked)

        def answered(prediction: "Prediction", /) -> None:
            metrics.predictions(prediction)
            asked(prediction)

        return replace(predict, answered=answered)


def drift_of(
    live: "LiveModels", presence: "Presence", clock: "Clock", metrics: "Metrics | None"
) -> Drift:
    """Whoever counts the customers of these models; `metrics` is told what they show."""
    from api.process.drift_watching import DriftWatching
    from api.process.polling import process_name
    from model_registry.serving import AskedCustomers, AskedDays

    days = AskedDays(store=presence.store)
    asked = AskedCustomers(
        clock, process=process_name(), observe=None if metrics is None else metrics.drift.counted
    )
    watching = DriftWatching(
        asked,
        days,
        list(live.by_name),
        clock=clock,
        look=None if metrics is None else looking(live, days, clock, metrics),
    )
    return Drift(asked=asked, watching=watching, metrics=metrics)


def looking(
    live: "LiveModels", days: "AskedDays", clock: "Clock", metrics: "Metrics"
) -> Callable[[], object]:
    """Tells the metrics of each version that answers: today, or yesterday until there are enough."""
    from model_registry.errors import CorruptRegistry
    from model_registry.serving import newest_drift
    from model_registry.serving.asked import day_of

    def look_at(name: str, today: int) -> None:
        try:
            answering = list(live.by_name[name].snapshot().answering.values())
        except NoLiveModel:
            answering = []
        found = [
            newest_drift(days, name, model.version, model.reference, today=today)
            for model in answering
        ]
        metrics.drift.found(name, found)

    def look() -> None:
        today, damaged = day_of(clock()), list[CorruptRegistry]()
        for name in live.by_name:
            try:
                look_at(name, today)
            except CorruptRegistry as exc:  # of others something is known all the same
                metrics.drift.found(name, [])
                damaged.append(exc)
        for problem in damaged:
            raise problem

    return look
