"""DynamoDB behind the ports: PynamoDB models, requests, reads and writes."""

from adapters.dynamodb.categories.index import DynamoCategoryIndex
from adapters.dynamodb.customers.eraser import DynamoCustomerEraser
from adapters.dynamodb.customers.records import DynamoCustomerRecords
from adapters.dynamodb.purchases.canceller import DynamoPurchaseCanceller
from adapters.dynamodb.purchases.history import DynamoPurchaseHistory
from adapters.dynamodb.purchases.recorder import DynamoPurchaseRecorder
from adapters.dynamodb.recent.marks import RetentionMarks
from adapters.dynamodb.recent.reader import DynamoRecentPurchases
from adapters.dynamodb.recent.rebuilder import DynamoRecentRebuilder
from adapters.dynamodb.tables import DynamoTables
from adapters.dynamodb.wire.client import DynamoClient, DynamoOptions

__all__ = [
    "DynamoCategoryIndex",
    "DynamoClient",
    "DynamoCustomerEraser",
    "DynamoCustomerRecords",
    "DynamoOptions",
    "DynamoPurchaseCanceller",
    "DynamoPurchaseHistory",
    "DynamoPurchaseRecorder",
    "DynamoRecentPurchases",
    "DynamoRecentRebuilder",
    "DynamoTables",
    "RetentionMarks",
]
