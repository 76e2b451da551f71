"""Consistency: how fresh a read is."""

from enum import StrEnum


class Consistency(StrEnum):
    """How fresh a read is; an eventual one costs half, and may miss what was written a moment ago.

    Source: AWS, DynamoDB read consistency.
    """

    STRONG = "strong"
    EVENTUAL = "eventual"
