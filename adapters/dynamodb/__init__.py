"""DynamoDB behind the ports: PynamoDB models, requests, reads and writes."""

from adapters.dynamodb.categories.index import DynamoCategoryIndex as DynamoCategoryIndex
from adapters.dynamodb.categories.partitions import (
    DynamoCategoryPartitions as DynamoCategoryPartitions,
)
from adapters.dynamodb.customers.eraser import DynamoCustomerEraser as DynamoCustomerEraser
from adapters.dynamodb.customers.records import DynamoCustomerRecords as DynamoCustomerRecords
from adapters.dynamodb.keys.store import DynamoKeyStore as DynamoKeyStore
from adapters.dynamodb.purchases.canceller import DynamoPurchaseCanceller as DynamoPurchaseCanceller
from adapters.dynamodb.purchases.history import DynamoPurchaseHistory as DynamoPurchaseHistory
from adapters.dynamodb.purchases.recorder import DynamoPurchaseRecorder as DynamoPurchaseRecorder
from adapters.dynamodb.purchases.refunder import DynamoPurchaseRefunder as DynamoPurchaseRefunder
from adapters.dynamodb.recent.marks import RetentionMarks as RetentionMarks
from adapters.dynamodb.recent.reader import DynamoRecentPurchases as DynamoRecentPurchases
from adapters.dynamodb.recent.rebuilder import DynamoRecentRebuilder as DynamoRecentRebuilder
from adapters.dynamodb.tables import DynamoTables as DynamoTables
from adapters.dynamodb.wire.client import DynamoClient as DynamoClient
from adapters.dynamodb.wire.client import DynamoOptions as DynamoOptions
