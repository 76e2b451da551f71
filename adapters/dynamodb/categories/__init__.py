"""Categories: their customers by index, and their list."""

from adapters.dynamodb.categories.listed import KnownCategories as KnownCategories
from adapters.dynamodb.categories.sketch import hash_of as hash_of
