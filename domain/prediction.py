"""Predict one customer's propensity, now or as of a past instant."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.errors import CorruptRecord, InvalidPurchase, InvalidRequest
from domain.history import Histories
from domain.instant import MICROS_PER_SECOND
from domain.ports import Clock, PurchaseHistory
from domain.propensity import Policy, Prediction, ServedModel
from domain.purchase import CLOCK_SKEW_US, EARLIEST, MAX_CUSTOMER_ID_BYTES, text_field


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictPropensity:
    """Reads the window, computes the features, scores them, decides: each exactly once.

    `live_model` gives the version that serves now, or raises NoLiveModel; it is asked once per
    prediction, so that one answer never mixes versions.
    """

    history: PurchaseHistory
    live_model: Callable[[], ServedModel]
    policy: Policy
    clock: Clock

    async def __call__(self, customer_id: str, /, *, as_of: int | None = None) -> Prediction:
        """The propensity as known at `as_of` (microseconds since the epoch; default: now).

        Raises:
            InvalidRequest: the customer id or as_of breaks a rule.
            NoLiveModel: nothing is promoted and loaded.
            StoreUnavailable: the whole window could not be read; no answer from a part.
            CorruptRecord: a stored purchase is none, or the model's score is no probability.
        """
        _check_customer(customer_id)
        now = self.clock()
        as_of = now if as_of is None else as_of
        check_as_of(as_of, now=now)
        model = self.live_model()
        purchases = await self.history.between(
            customer_id, after=model.features.longest_window.after(as_of), until=as_of
        )
        matrix = model.features.matrix(Histories.of([purchases]), as_of)
        probability = _score(model, matrix)
        return Prediction(
            customer_id=customer_id,
            as_of=as_of,
            probability=probability,
            features=dict(zip(model.features.names, matrix[0].tolist(), strict=True)),
            purchases_read=len(purchases),
            decision=self.policy.decide(probability),
            model=model,
        )


def check_as_of(as_of: int, *, now: int) -> None:
    """Returns when purchases until `as_of` are known at `now`, microseconds since the epoch.

    Raises:
        InvalidRequest: it lies in the future, or before there were purchases.
    """
    if as_of > now + CLOCK_SKEW_US:
        raise InvalidRequest(
            "as_of",
            f"lies more than {CLOCK_SKEW_US // MICROS_PER_SECOND} s in the future: "
            "purchases until then are not known yet",
        )
    if as_of < EARLIEST:
        raise InvalidRequest("as_of", "lies before the year 2000")


def _score(model: ServedModel, matrix: NDArray[np.float64]) -> float:
    probability = float(model.scorer.score(matrix)[0])
    if not 0.0 <= probability <= 1.0:
        raise CorruptRecord(f"version {model.version} of {model.name} scored {probability}")
    return probability


def _check_customer(customer_id: str) -> None:
    try:
        text_field({"customer_id": customer_id}, "customer_id", MAX_CUSTOMER_ID_BYTES)
    except InvalidPurchase as exc:
        raise InvalidRequest(exc.field, exc.reason) from exc
