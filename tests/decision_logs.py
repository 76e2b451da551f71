"""Decisions to log, and a place for them where anything may happen between two calls."""

import secrets
from collections.abc import Callable

from adapters.decision_log.erasing import MarkedDecisionEraser
from adapters.decision_log.places import Place
from adapters.decision_log.pseudonyms import Pseudonyms
from adapters.decision_log.reading import ParquetDecisionLog
from adapters.decision_log.tidying import TidyDecisions
from adapters.decision_log.writing import DecisionWriter
from domain.decision_log import Answer, decision_id_of
from domain.decisions import Decision, Reason
from domain.prediction import Arm, Prediction
from domain.values import Clock
from model_registry.ports import ObjectStore
from tests.builders import NOW, a_served_model
from tests.doubles.memory import MemoryPlace
from tests.doubles.observers import SeenDecisions
from tests.fakes import SaturatingScorer

KEY = bytes(range(32))
ROUTE = "/v1/customers/{customer_id}/propensity"
RETENTION_DAYS = 2


def an_answer(  # noqa: PLR0913  # each is about something else
    at: int = NOW,
    customer_id: str = "customer-1",
    features: tuple[float, ...] | None = (1.5, -0.0),
    *,
    probability: float = 0.1,
    flag: str | None = None,
    number: int | None = None,
) -> Answer:
    """An answer of that instant; without features no propensity was to be had."""
    return Answer(
        decision_id=decision_id_of(at, secrets.randbits(62) if number is None else number),
        as_of=at,
        route=ROUTE if flag is None else "/ofrep/v1/evaluate/flags/{key}",
        customer_id=customer_id,
        flag=flag,
        variant=None if flag is None else "on",
        acted=features is not None,
        held_out=features is None,
        prediction=None
        if features is None
        else _prediction(at, customer_id, features, probability),
    )


def _prediction(
    at: int, customer_id: str, features: tuple[float, ...], probability: float
) -> Prediction:
    arm = Arm.CHALLENGER if len(features) % 2 else Arm.CHAMPION
    return Prediction(
        customer_id=customer_id,
        as_of=at,
        category="grocery" if len(features) > 1 else None,
        probability=probability,
        features={f"feature_{number}": value for number, value in enumerate(features)},
        purchases_read=1,
        decision=Decision(
            policy="banner",
            show=True,
            reason=Reason.IN_RANGE,
            min_probability=0.0,
            max_probability=1.0,
        ),
        model=a_served_model(SaturatingScorer(), version=len(features) + 1, arm=arm),
    )


def a_writer(
    store: ObjectStore,
    clock: Clock,
    *,
    observer: SeenDecisions | None = None,
    most_waiting: int = 1_000,
) -> DecisionWriter:
    """A writer that is as patient as a test."""
    return DecisionWriter(
        store,
        Pseudonyms([KEY]),
        clock=clock,
        flush_s=0.1,
        observer=observer,
        most_waiting=most_waiting,
        first_pause_s=0.01,
    )


def a_reader(store: ObjectStore, clock: Clock) -> ParquetDecisionLog:
    """A reader with the writer's key."""
    return ParquetDecisionLog(store, Pseudonyms([KEY]), clock=clock)


def an_eraser(store: ObjectStore) -> MarkedDecisionEraser:
    """An eraser with the writer's key."""
    return MarkedDecisionEraser(store, Pseudonyms([KEY]))


def a_tidying(store: Place, clock: Clock) -> TidyDecisions:
    """Upkeep that keeps decisions for two days."""
    return TidyDecisions(store, clock=clock, retention_days=RETENTION_DAYS)


class Crash(BaseException):
    """The process ended, at once."""


class EventfulPlace(MemoryPlace):
    """A place where something happens just before one of the next calls."""

    def __init__(self) -> None:
        super().__init__()
        self._left = -1
        self._what: Callable[[], object] = lambda: None

    def happens(self, calls: int, what: Callable[[], object]) -> None:
        """Before the call after so many more, `what` is done, once."""
        self._left, self._what = calls, what

    def nothing_happens(self) -> None:
        """From now on."""
        self._left = -1

    def _called(self) -> None:
        self._left -= 1
        if self._left == -1:
            self._what()

    def get(self, key: str, /) -> bytes:
        self._called()
        return super().get(key)

    def put_if_absent(self, key: str, content: bytes, /) -> bool:
        self._called()
        return super().put_if_absent(key, content)

    def keys(self, prefix: str, /) -> list[str]:
        self._called()
        return list(super().keys(prefix))

    def remove_status(self, key: str, /) -> None:
        self._called()
        super().remove_status(key)
