"""Exports to S3: read for training, and written for the embedded engine."""

from adapters.dynamodb.export.layout import find as find
from adapters.dynamodb.export.reading import ExportedPurchases as ExportedPurchases
from adapters.dynamodb.export.writing import write_export as write_export
