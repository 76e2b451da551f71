"""A customer as a whole: everything kept, erased, or listed one after another."""

from domain.customers.erasure import UNFINISHED as UNFINISHED
from domain.customers.erasure import EraseAgain as EraseAgain
from domain.customers.erasure import EraseCustomer as EraseCustomer
from domain.customers.erasure import ErasedAgain as ErasedAgain
from domain.customers.erasure import Receipt as Receipt
from domain.customers.every import EveryCustomer as EveryCustomer
from domain.customers.finding import FindCustomer as FindCustomer
from domain.customers.finding import FoundCustomer as FoundCustomer
from domain.customers.ports import CustomerRecord as CustomerRecord
from domain.customers.ports import CustomerRecords as CustomerRecords
from domain.customers.ports import DecisionEraser as DecisionEraser
from domain.customers.ports import Erasure as Erasure
from domain.customers.tokens import CustomerTokens as CustomerTokens
