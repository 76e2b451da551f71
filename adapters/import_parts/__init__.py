"""The parts of an import in an object store: its rows by partition, and what became of them."""

from adapters.import_parts.parts import ObjectImportParts as ObjectImportParts
from adapters.import_parts.results import ObjectImportResults as ObjectImportResults
