"""A customer as a whole: everything kept, erased, or listed one after another."""

from domain.customers.erasure import UNFINISHED, EraseCustomer, Receipt
from domain.customers.every import EveryCustomer
from domain.customers.ports import CustomerRecord, CustomerRecords, Erasure

__all__ = [
    "UNFINISHED",
    "CustomerRecord",
    "CustomerRecords",
    "EraseCustomer",
    "Erasure",
    "EveryCustomer",
    "Receipt",
]
