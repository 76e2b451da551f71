"""Purchases, refunds and cancellations in every accepted form."""

from api.intake.decoding import decoded as decoded
from api.intake.lines import Line as Line
from api.intake.lines import item_of as item_of
from api.intake.lines import lines_of as lines_of
from api.intake.messages import events_of as events_of
from api.intake.messages import items_of as items_of
from api.intake.messages import purchases_of as purchases_of
from api.intake.zones import zone_of as zone_of
