"""The purchases table: written, cancelled and read."""

from adapters.dynamodb.purchases.history import stored_purchase as stored_purchase
from adapters.dynamodb.purchases.history import stored_refunds as stored_refunds
