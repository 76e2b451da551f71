"""Replay one decision: the stored purchases at its instant, its version, the same functions."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.customers import CustomerRecords
from domain.decision_log import LoggedDecision, Scored
from domain.errors import Conflict, CorruptRecord, InvalidRequest, NotFound
from domain.features import Histories
from domain.prediction import ServedModel, check_category
from domain.purchases import Purchase, PurchaseHistory
from domain.replay.left_out import Looked, left_out
from domain.replay.replayed import Cause, Changed, Evidence, Replayed, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayDecision:
    """Computes logged decisions again by the functions that computed them first.

    `load` gives the version that answered. Purchases are read from the truth, by time: it alone has
    every instant of the past. Only the version that answered is computed, whoever serves now.
    """

    load: Callable[[Scored], ServedModel]
    history: PurchaseHistory
    records: CustomerRecords

    async def __call__(self, decision: LoggedDecision, /) -> Replayed:
        """What comes out now, compared to the last bit; and why, where it is something else.

        Raises:
            StoreUnavailable: purchases or the version could not be read.
            CorruptRecord: a stored purchase cannot be read as one.
        """
        scored = decision.scored
        if scored is None:
            return Replayed(decision=decision, verdict=Verdict.NOTHING_TO_REPLAY)
        model = self._loaded(scored)
        if isinstance(model, Evidence):
            return _not_computed(decision, model)
        if decision.customer_id is None:
            erased = Evidence(Cause.ERASED, "the customer was erased since the decision")
            return _not_computed(decision, erased)
        misfit = _misfit(scored, model)
        if misfit is not None:
            return _not_computed(decision, misfit)
        found = tuple(_other_scores(scored, model))
        return await self._compared(decision, decision.customer_id, scored, model, found)

    def _loaded(self, scored: Scored) -> ServedModel | Evidence:
        try:
            return self.load(scored)
        except NotFound as exc:
            return Evidence(Cause.VERSION_GONE, str(exc))
        except (Conflict, CorruptRecord) as exc:
            return Evidence(Cause.VERSION_REFUSED, str(exc))

    async def _compared(
        self,
        decision: LoggedDecision,
        customer_id: str,
        scored: Scored,
        model: ServedModel,
        found: tuple[Evidence, ...],
    ) -> Replayed:
        as_of = decision.as_of
        after = model.features.reach.after(as_of)
        try:
            purchases = await self.history.between(customer_id, after=after, until=as_of)
        except InvalidRequest as exc:
            gone = Evidence(Cause.BEYOND_RETENTION, f"the decision {exc.reason}")
            return _not_computed(decision, *found, gone)
        matrix, scores = model.scores(Histories.of([purchases]), as_of, target=scored.category)
        changed = tuple(_changed(scored, model, matrix, float(scores[0])))
        if not changed:
            return Replayed(decision=decision, verdict=Verdict.EQUAL)
        if _bits(matrix[0]) != _bits(scored.features):
            found += await self._why(decision, customer_id, purchases, Looked(model, scored, as_of))
        return Replayed(
            decision=decision, verdict=Verdict.DIFFERENT, changed=changed, evidence=found
        )

    async def _why(
        self,
        decision: LoggedDecision,
        customer_id: str,
        purchases: Sequence[Purchase],
        looked: Looked,
    ) -> tuple[Evidence, ...]:
        """Why other purchases were seen; empty: nothing that is stored tells it."""
        late = left_out(list(purchases), looked)
        if late is not None:
            return (late,)
        record = await self.records.of(customer_id)
        if record.suppressed_until is not None:
            return (Evidence(Cause.ERASED, "the customer is being erased, or was"),)
        gone = tuple(sorted(i for i, at in record.cancelled.items() if at >= decision.as_of))
        if not gone:
            return ()
        detail = (
            "cancelled since the decision; what a cancelled purchase was is not kept, so the "
            "decision cannot be computed with it"
        )
        return (Evidence(Cause.CANCELLED, detail, gone),)


def _misfit(scored: Scored, model: ServedModel) -> Evidence | None:
    """What the log says that this version cannot have answered."""
    names = model.features.names
    if len(scored.features) != len(names):
        detail = f"{len(scored.features)} features are logged, the version has {len(names)}"
        return Evidence(Cause.MISFIT, detail)
    if not np.isfinite((*scored.features, scored.probability)).all():
        return Evidence(Cause.MISFIT, "a logged number is not finite; no version gives one")
    try:
        check_category(model, scored.category)
    except InvalidRequest as exc:
        return Evidence(Cause.MISFIT, str(exc))
    return None


def _other_scores(scored: Scored, model: ServedModel) -> Iterator[Evidence]:
    """That the very features that were logged score otherwise here."""
    score = float(model.probabilities(np.array([scored.features], dtype=np.float64))[0])
    if _bits([score]) != _bits([scored.probability]):
        yield Evidence(
            Cause.OTHER_SCORES,
            f"the logged features score {score!r} here, {scored.probability!r} were logged: "
            "other libraries, or another processor",
        )


def _changed(
    scored: Scored, model: ServedModel, matrix: NDArray[np.float64], probability: float
) -> Iterator[Changed]:
    names = (*model.features.names, "probability")
    logged = (*scored.features, scored.probability)
    for name, before, now in zip(names, logged, (*matrix[0].tolist(), probability), strict=True):
        if _bits([before]) != _bits([now]):
            yield Changed(name, before, now)


def _bits(numbers: Sequence[float] | NDArray[np.float64]) -> bytes:
    """As float64: -0.0 is not 0.0, and NaN is itself."""
    return np.asarray(numbers, dtype=np.float64).tobytes()


def _not_computed(decision: LoggedDecision, *evidence: Evidence) -> Replayed:
    return Replayed(decision=decision, verdict=Verdict.NOT_COMPUTED, evidence=evidence)
