"""Exact values: instants, money, windows and shares."""

from domain.values.buckets import BUCKETS as BUCKETS
from domain.values.buckets import basis_points_of as basis_points_of
from domain.values.buckets import bucket as bucket
from domain.values.clock import Clock as Clock
from domain.values.consistency import Consistency as Consistency
from domain.values.instant import MICROS_PER_DAY as MICROS_PER_DAY
from domain.values.instant import MICROS_PER_SECOND as MICROS_PER_SECOND
from domain.values.instant import day_of as day_of
from domain.values.instant import from_datetime as from_datetime
from domain.values.instant import render as render
from domain.values.instant import to_datetime as to_datetime
from domain.values.money import Currency as Currency
from domain.values.plain import plain_number as plain_number
from domain.values.window import BEGINNING as BEGINNING
from domain.values.window import EVER as EVER
from domain.values.window import Reach as Reach
from domain.values.window import Window as Window
