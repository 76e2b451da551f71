"""Valid things of the domain, so that a test names only what it is about."""

import re
from collections.abc import Collection, Iterable
from decimal import Decimal
from itertools import count
from typing import cast

import numpy as np
from numpy.typing import NDArray

from domain.categories import CategorySize
from domain.decisions import Policy
from domain.features import (
    Aggregation,
    AnyFeature,
    Feature,
    FeatureSet,
    Histories,
    total_purchase_volume_30d,
)
from domain.prediction import Arm, Scorer, ServedModel, Traffic
from domain.purchases import (
    CancelPurchase,
    Purchase,
    PurchaseHistory,
    RecordPurchases,
    RefundPurchase,
    TakeIn,
)
from domain.purchases.ports import PurchaseCanceller, PurchaseRecorder, PurchaseRefunder
from domain.values import BUCKETS, MICROS_PER_DAY, Clock, Currency, Window, bucket, instant

NOW = instant.parse("2026-03-01T12:00:00Z")
"""The present of every test, in microseconds since the epoch, UTC."""
DAY = MICROS_PER_DAY
OF_PURCHASES = [each for each in Aggregation if each is not Aggregation.CATEGORY_BASE_RATE]
"""Every aggregation of purchases."""
USD = Currency.of("USD")
JPY = Currency.of("JPY")


def a_purchase(
    *,
    customer_id: str = "customer-1",
    purchase_id: str = "purchase-1",
    purchased_at: int = NOW - DAY,
    category: str = "grocery",
    amount_minor: int = 1250,
) -> Purchase:
    """A valid purchase of yesterday."""
    return Purchase(
        customer_id=customer_id,
        purchase_id=purchase_id,
        purchased_at=purchased_at,
        category=category,
        amount_minor=amount_minor,
    )


def a_category(customers: int, *, partitions: int = 16) -> CategorySize:
    """The size of a category of so many customers."""
    return CategorySize(customers=customers, partitions=partitions, page_units=2.0)


def a_history(*instants: int, customer_id: str = "customer-1") -> list[Purchase]:
    """One customer's purchases at these instants, with distinct ids."""
    return [
        a_purchase(customer_id=customer_id, purchase_id=f"purchase-{number}", purchased_at=at)
        for number, at in enumerate(instants, start=1)
    ]


def raw_purchase(**overrides: object) -> dict[str, object]:
    """A valid purchase as it comes over the wire; `None` stands for an absent field."""
    return raw_of(a_purchase()) | overrides


def raw_of(purchase: Purchase, *, currency: Currency = USD) -> dict[str, object]:
    """The wire form of a purchase, its amount in minor units."""
    return {
        "customer_id": purchase.customer_id,
        "purchase_id": purchase.purchase_id,
        "purchased_at": instant.render(purchase.purchased_at),
        "category": purchase.category,
        "amount_minor": purchase.amount_minor,
        "currency": currency.code,
    }


def raw_in_major_units(purchase: Purchase, *, currency: Currency = USD) -> dict[str, object]:
    """The wire form of a purchase, its amount as a decimal in major units."""
    raw = raw_of(purchase, currency=currency)
    del raw["amount_minor"]
    return raw | {"amount": Decimal(purchase.amount_minor).scaleb(-currency.exponent)}


def a_feature(
    aggregation: Aggregation = Aggregation.TOTAL_PURCHASE_VOLUME,
    *,
    days: int = 30,
    category: str | None = None,
) -> Feature:
    """A feature over whole days."""
    return Feature(aggregation, Window.days(days), category)


def value_of(
    feature: AnyFeature,
    purchases: Iterable[Purchase],
    *,
    as_of: int = NOW,
    currency: Currency = USD,
) -> float:
    """One feature of one customer."""
    matrix = FeatureSet((feature,), currency).matrix(Histories.of([list(purchases)]), as_of)
    return float(matrix[0, 0])


def a_policy(*, min_probability: float = 0.2, max_probability: float = 0.8) -> Policy:
    """A policy that acts in the middle."""
    return Policy(name="banner", min_probability=min_probability, max_probability=max_probability)


def a_served_model(
    scorer: Scorer,
    *,
    features: FeatureSet | None = None,
    version: int = 1,
    arm: Arm = Arm.CHAMPION,
    held_out: NDArray[np.float64] | None = None,
) -> ServedModel:
    """A model version that serves, by default on version 1's feature set."""
    return ServedModel(
        name="propensity",
        version=version,
        revision=1,
        horizon_days=30,
        features=features or total_purchase_volume_30d(USD),
        scorer=scorer,
        arm=arm,
        held_out=held_out,
    )


def a_traffic(scorer: Scorer, *, features: FeatureSet | None = None, version: int = 1) -> Traffic:
    """One version that answers everybody."""
    return Traffic(champion=a_served_model(scorer, features=features, version=version))


def take_in(  # noqa: PLR0913  # one port each
    recorder: PurchaseRecorder,
    *,
    canceller: PurchaseCanceller | None = None,
    refunder: PurchaseRefunder | None = None,
    history: PurchaseHistory | None = None,
    clock: Clock = lambda: NOW,
    max_items: int | None = None,
    stops_at_silence: bool = False,
) -> TakeIn:
    """The intake over this store; without a canceller nothing is cancelled, as with refunds."""
    return TakeIn(
        record=RecordPurchases(recorder=recorder, clock=clock, currency=USD),
        refund=RefundPurchase(
            refunder=refunder or cast("PurchaseRefunder", None),
            history=history or cast("PurchaseHistory", None),
            clock=clock,
            currency=USD,
        ),
        cancel=CancelPurchase(canceller=canceller or cast("PurchaseCanceller", None)),
        max_items=max_items,
        stops_at_silence=stops_at_silence,
    )


def one_of_each_bucket(salt: bytes) -> Collection[str]:
    """Ten thousand customers, each in a bucket of their own."""
    found: dict[int, str] = {}
    for number in count():
        if len(found) == BUCKETS:
            break
        customer = f"customer-{number}"
        found.setdefault(bucket(customer, salt), customer)
    return found.values()


def missing(message: object, *facts: object) -> list[str]:
    """Those facts of which a message does not tell, whatever its wording; each is a whole word."""
    words = [str(fact) for fact in facts]
    text = str(message)
    return [word for word in words if not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text)]
