"""Exact values: instants, money, windows and shares."""

from domain.values.buckets import BUCKETS, basis_points_of, bucket
from domain.values.clock import Clock
from domain.values.instant import (
    MICROS_PER_DAY,
    MICROS_PER_SECOND,
    day_of,
    from_datetime,
    render,
    to_datetime,
)
from domain.values.money import Currency
from domain.values.window import Window

__all__ = [
    "BUCKETS",
    "MICROS_PER_DAY",
    "MICROS_PER_SECOND",
    "Clock",
    "Currency",
    "Window",
    "basis_points_of",
    "bucket",
    "day_of",
    "from_datetime",
    "render",
    "to_datetime",
]
