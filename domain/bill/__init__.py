"""The bill of a month: units, storage and prices of what a shop does, before it is done."""

from domain.bill.month import Line as Line
from domain.bill.month import Shop as Shop
from domain.bill.month import Stored as Stored
from domain.bill.month import mean_over_poisson as mean_over_poisson
from domain.bill.prices import MONTH_S as MONTH_S
from domain.bill.prices import Prices as Prices
from domain.bill.sizes import Sizes as Sizes
