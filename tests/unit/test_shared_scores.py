"""Customers whose purchases come at the same moment share a call of the scorer, and nothing else."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.errors import CorruptRecord
from domain.features import FeatureSet
from domain.prediction import ServedModel, SharedScores
from domain.prediction.shared_scores import Scored
from domain.purchases import Purchase
from domain.values import Consistency, Reach
from tests.builders import DAY, NOW, a_history, a_purchase, a_served_model
from tests.fakes import SaturatingScorer
from tests.strategies import CATEGORIES, feature_sets, histories, instants

pytestmark = pytest.mark.anyio
REFUSED = 13.0
"""The feature that the counting scorer does not take."""


@dataclass
class Counting:
    """As SaturatingScorer; it keeps how many rows each call had, and fails at a row of REFUSED."""

    rows: list[int] = field(default_factory=list[int])

    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        self.rows.append(len(matrix))
        if REFUSED in matrix[:, 0]:
            raise CorruptRecord("the graph cannot be run")
        return SaturatingScorer().score(matrix)


@dataclass(frozen=True)
class Asked:
    """One request: about whom, when, of which model and category."""

    customer: str
    model: ServedModel
    as_of: int = NOW
    target: str | None = None


def scoring(store: Mapping[str, Sequence[Purchase]]) -> SharedScores:
    async def read(customer: str, reach: Reach, as_of: int, _others: int) -> Sequence[Purchase]:
        await asyncio.sleep(0)
        return [each for each in store[customer] if reach.after(as_of) < each.purchased_at]

    return SharedScores({Consistency.STRONG: read})


async def answered(
    store: Mapping[str, Sequence[Purchase]], asked: Sequence[Asked]
) -> list[Scored | BaseException]:
    """What each of these requests was told, asked side by side."""
    scored = scoring(store)
    return await asyncio.gather(*(one(scored, each) for each in asked), return_exceptions=True)


async def one(scored: SharedScores, asked: Asked) -> Scored:
    reach = asked.model.features.reach
    return await scored(asked.customer, reach, asked.as_of, asked.model, asked.target)


def spending(**amounts: int) -> dict[str, list[Purchase]]:
    return {
        customer: [a_purchase(customer_id=customer, amount_minor=amount)]
        for customer, amount in amounts.items()
    }


def told(scored: Scored | BaseException) -> float:
    assert isinstance(scored, Scored)
    return scored.features[0]


@given(
    st.lists(st.tuples(histories(), instants, st.sampled_from(CATEGORIES)), max_size=5),
    feature_sets,
    feature_sets,
)
def test_side_by_side_everybody_is_told_what_they_are_told_alone(
    customers: list[tuple[list[Purchase], int, str]], one_set: FeatureSet, other_set: FeatureSet
) -> None:
    models = [
        a_served_model(SaturatingScorer(), features=features) for features in (one_set, other_set)
    ]
    store = {str(number): history for number, (history, _, _) in enumerate(customers)}
    asked = [
        Asked(str(number), model, min(as_of, NOW), category if model.features.targeted else None)
        for number, (_, as_of, category) in enumerate(customers)
        for model in models
    ]
    together = asyncio.run(answered(store, asked))
    assert together == [asyncio.run(one(scoring(store), each)) for each in asked]


async def test_side_by_side_one_call_scores_everybody_of_a_model_and_category() -> None:
    champion, challenger = Counting(), Counting()
    one_model, other = a_served_model(champion), a_served_model(challenger, version=2)
    store = spending(a=100, b=200, c=300, d=400)
    asked = [Asked(customer, one_model) for customer in "abc"] + [Asked("d", other)]
    assert [told(each) for each in await answered(store, asked)] == [1.0, 2.0, 3.0, 4.0]
    assert (champion.rows, challenger.rows) == ([3], [1])


async def test_who_is_alone_is_scored_alone() -> None:
    scorer = Counting()
    scored, model = scoring(spending(a=100, b=200)), a_served_model(scorer)
    assert [told(await one(scored, Asked(customer, model))) for customer in "ab"] == [1.0, 2.0]
    assert scorer.rows == [1, 1]


async def test_everybody_is_scored_as_of_their_own_instant() -> None:
    store = {"a": a_history(NOW - 20 * DAY, NOW - DAY, customer_id="a")}
    model = a_served_model(Counting())
    asked = [Asked("a", model, as_of) for as_of in (NOW, NOW - 2 * DAY, NOW - 20 * DAY - 1)]
    counts = [
        each.purchases_read for each in await answered(store, asked) if isinstance(each, Scored)
    ]
    assert counts == [2, 1, 0]


async def test_nobody_is_told_of_anothers_trouble() -> None:
    scorer = Counting()
    store = spending(a=100, refused=int(REFUSED * 100), b=200)
    store["untrue"] = [
        a_purchase(purchase_id="same"),
        replace(a_purchase(purchase_id="same"), amount_minor=1),
    ]
    model = a_served_model(scorer)
    asked = [Asked(customer, model) for customer in ("a", "refused", "untrue", "b")]
    a, refused, untrue, b = await answered(store, asked)
    assert (told(a), told(b)) == (1.0, 2.0)
    assert isinstance(refused, CorruptRecord)
    assert "cannot be run" in str(refused)
    assert isinstance(untrue, CorruptRecord)
    assert "same" in str(untrue)


async def test_who_gave_up_is_not_scored_and_in_nobodys_way() -> None:
    scorer = Counting()
    scored, model = scoring(spending(a=100, b=200, c=300)), a_served_model(scorer)
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(one(scored, Asked(customer, model))) for customer in "abc"]
    await asyncio.sleep(0)
    loop.call_soon(tasks[1].cancel)  # their purchases are read by then, and the score is to come
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(found[1], asyncio.CancelledError)
    assert (told(found[0]), told(found[2])) == (1.0, 3.0)
    assert scorer.rows == [2]
