"""Hypothesis strategies for the domain's words.

They prefer what breaks code: instants on and beside the edges of windows and days, ties, zero
and largest amounts, categories that recur, identifiers in any script.

* currencies      exponents 0, 2, 3 and 4
* windows         from one microsecond to a year
* instants        around NOW and around every edge that WINDOWS have there
* purchases       one customer's purchase at such an instant, with refunds
* histories       one customer's purchases, distinct ids, any order
* batches         the histories of several customers, empty ones included
* features        every aggregation, window or ever, category or target, transform; and combinations
* feature_sets    the built-in ones, and any others: ordered, names distinct, any currency
* texts           every identifier the purchase format allows
* raw_purchases   valid wire mappings, with the purchase that each one means
* junk_purchases  wire mappings with anything in any field
"""

import re
from dataclasses import replace
from decimal import Decimal
from unicodedata import normalize

from hypothesis import strategies as st

from adapters.feature_sets import built_in_sets
from domain.features import (
    TARGET,
    Aggregation,
    AnyFeature,
    BaseRates,
    Combination,
    Feature,
    FeatureSet,
    Operation,
    Shape,
    Transform,
)
from domain.features.aggregation import KEPT_FOR_EVER
from domain.purchases import CLOCK_SKEW_US, DAMAGE, EARLIEST, MAX_AMOUNT_MINOR, Purchase, Refund
from domain.purchases.identifiers import DOT_SEGMENTS
from domain.values import MICROS_PER_DAY, Currency, Window
from domain.values.instant import MICROS_PER_HOUR
from tests.builders import NOW, OF_PURCHASES, raw_in_major_units, raw_of

CATEGORIES = ("grocery", "jewellery", "Bücher")
WINDOWS = (
    Window(1),
    Window(MICROS_PER_HOUR),
    Window(36 * MICROS_PER_HOUR),
    Window.days(7),
    Window.days(30),
    Window.days(90),
    Window.days(365),
)
_EDGES = (NOW, *(window.after(NOW) for window in WINDOWS))
_MIDNIGHT = NOW // MICROS_PER_DAY * MICROS_PER_DAY

currencies = st.sampled_from(["USD", "JPY", "KWD", "CLF"]).map(Currency.of)

windows = st.one_of(st.sampled_from(WINDOWS), st.integers(1, 400 * MICROS_PER_DAY).map(Window))

instants = st.one_of(
    st.builds(lambda edge, step: edge + step, st.sampled_from(_EDGES), st.integers(-1, 1)),
    st.builds(
        lambda day, step: _MIDNIGHT - day * MICROS_PER_DAY + step,
        st.integers(-1, 40),
        st.integers(-1, 1),
    ),
    st.integers(NOW - 500 * MICROS_PER_DAY, NOW + 2 * MICROS_PER_DAY),
)

_IDS = st.integers(0, 10**6).map(str)

amounts = st.one_of(
    st.sampled_from([0, 1, MAX_AMOUNT_MINOR]), st.integers(0, 100_000), st.integers(0, 10**12)
)


@st.composite
def purchases(
    draw: st.DrawFn,
    *,
    customer_id: str = "customer-1",
    purchase_ids: st.SearchStrategy[str] = _IDS,
    at: st.SearchStrategy[int] = instants,
) -> Purchase:
    """One customer's purchase, with refunds up to its amount, at any instants."""
    amount_minor = left = draw(amounts)
    refunds: list[Refund] = []
    for number in range(draw(st.sampled_from([0, 0, 1, 2]))):
        given_back = draw(st.one_of(st.just(left), st.integers(0, left)))
        if given_back:
            refunds.append(Refund(draw(at), f"r{number}", given_back))
        left -= given_back
    return Purchase(
        customer_id=customer_id,
        purchase_id=draw(purchase_ids),
        purchased_at=draw(at),
        category=draw(st.sampled_from(CATEGORIES)),
        amount_minor=amount_minor,
        refunds=tuple(sorted(refunds)),
    )


def histories(
    *, customer_id: str = "customer-1", prefix: str = "", at: st.SearchStrategy[int] = instants
) -> st.SearchStrategy[list[Purchase]]:
    """One customer's purchases, ids distinct and beginning with `prefix`, in any order."""
    ids = _IDS.map(lambda number: prefix + number)
    return st.lists(
        purchases(customer_id=customer_id, purchase_ids=ids, at=at),
        max_size=8,
        unique_by=lambda purchase: purchase.purchase_id,
    )


batches = st.lists(histories(), max_size=4)

shapes = st.builds(
    Shape,
    st.one_of(st.none(), st.sampled_from([(0.0, 90.0), (0.5, 2.0), (1.0, 1e6)])),
    st.one_of(st.none(), st.sampled_from(Transform)),
)
_categories = st.one_of(st.none(), st.just(TARGET), st.sampled_from((*CATEGORIES, "never bought")))

windowed = st.builds(Feature, st.sampled_from(OF_PURCHASES), windows, _categories, shapes)
lasting = st.one_of(
    st.builds(Feature, st.sampled_from(sorted(KEPT_FOR_EVER)), st.none(), st.none(), shapes),
    st.builds(Feature, st.just(Aggregation.PURCHASE_COUNT), st.none(), _categories, shapes),
    st.builds(Feature, st.just(Aggregation.CATEGORY_BASE_RATE), st.none(), st.just(TARGET), shapes),
)
singles: st.SearchStrategy[Feature] = st.one_of(windowed, lasting)


@st.composite
def combinations(draw: st.DrawFn) -> Combination:
    """An operation on two features, one of which may be one itself."""
    inner: AnyFeature = draw(singles)
    if draw(st.booleans()):
        inner = Combination("inner", draw(st.sampled_from(Operation)), (inner, draw(singles)))
    operation = draw(st.sampled_from(Operation))
    plain = Combination("combined", operation, (inner, draw(singles)))
    shape = draw(shapes)
    if plain.least < 0 and shape.clip is None:
        shape = Shape()
    return replace(plain, shape=shape)


features = st.one_of(windowed, lasting, combinations())
shares = st.just(0.0) | st.floats(1e-9, 1)
"""Of counted customers: a smaller one that is not 0 would need more than a billion of them."""
base_rates = st.builds(
    BaseRates, shares, st.dictionaries(st.sampled_from(CATEGORIES), shares, max_size=2)
)
targets = st.sampled_from((*CATEGORIES, "never bought"))


def knowing_rates(features: FeatureSet, rates: BaseRates) -> FeatureSet:
    """The set with base rates, where it uses any."""
    return features.knowing(rates)


feature_sets = st.builds(
    knowing_rates,
    st.one_of(
        st.builds(
            FeatureSet,
            st.lists(features, min_size=1, max_size=6, unique_by=lambda f: f.name).map(tuple),
            currencies,
        ),
        st.builds(
            lambda named, currency: named.in_currency(currency),
            st.sampled_from(list(built_in_sets().values())),
            currencies,
        ),
    ),
    base_rates,
)


def texts(max_bytes: int) -> st.SearchStrategy[str]:
    """Identifiers that the purchase format allows, in NFC: printable, of at most `max_bytes`."""
    printable = st.characters(categories=["L", "N", "P", "S"]).filter(str.isprintable)
    return (
        st.text(printable, min_size=1, max_size=max_bytes)
        .map(lambda text: normalize("NFC", text))
        .filter(
            lambda text: (
                len(text.encode()) <= max_bytes
                and text not in DOT_SEGMENTS
                and not any(re.fullmatch(pattern, text) for pattern in DAMAGE)
            )
        )
    )


@st.composite
def raw_purchases(draw: st.DrawFn, *, currency: Currency) -> tuple[dict[str, object], Purchase]:
    """A valid wire mapping, in minor or in major units, and the purchase that it means."""
    purchase = Purchase(
        customer_id=draw(texts(40)),
        purchase_id=draw(texts(40)),
        purchased_at=draw(st.integers(EARLIEST, NOW + CLOCK_SKEW_US)),
        category=draw(texts(40)),
        amount_minor=draw(amounts),
    )
    to_wire = draw(st.sampled_from([raw_of, raw_in_major_units]))
    return to_wire(purchase, currency=currency), purchase


_ANYTHING: st.SearchStrategy[object] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.decimals(),
    st.just(Decimal("sNaN")),
    st.text(max_size=8),
    st.lists(st.integers(), max_size=2),
    st.just("2026-02-28T12:00:00Z"),
    st.just("USD"),
)

junk_purchases = st.dictionaries(
    st.one_of(
        st.sampled_from(
            sorted(
                raw_of(
                    Purchase(
                        customer_id="c",
                        purchase_id="p",
                        purchased_at=NOW,
                        category="g",
                        amount_minor=1,
                    )
                )
            )
        ),
        st.just("amount"),
        st.text(max_size=4),
    ),
    _ANYTHING,
)
