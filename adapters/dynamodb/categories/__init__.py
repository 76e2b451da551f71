"""Categories: their customers by index, and their list."""

from adapters.dynamodb.categories.listed import KnownCategories
from adapters.dynamodb.categories.sketch import hash_of

__all__ = ["KnownCategories", "hash_of"]
