"""What is on this machine: the embedded engine, the sample, and files."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from adapters.clock import SystemClock
from api.process import Settings
from domain.errors import InvalidRequest, Rejected
from domain.values import instant

if TYPE_CHECKING:
    from adapters.audience_files import AudienceFiles, BucketFiles
    from adapters.audience_parts import ObjectAudienceParts
    from adapters.complete_journey import CompleteJourneyPurchases
    from adapters.embedded import EmbeddedEngine
    from adapters.import_parts import ObjectImportParts, ObjectImportResults
    from adapters.purchase_files import FileMapping, PurchaseFile
    from domain.purchases import RowKind
    from domain.spreading import Workers


def engine(settings: Settings) -> "EmbeddedEngine":
    """The embedded engine at the endpoint of the settings.

    Raises:
        Rejected: the endpoint is not on this machine.
    """
    from adapters.embedded import EmbeddedEngine

    if settings.engine_port is None:
        raise Rejected(
            "PROPENSITY_DYNAMODB_ENDPOINT",
            f"is {settings.dynamodb_endpoint}; the embedded engine serves http://127.0.0.1:PORT only",
        )
    return EmbeddedEngine(settings.home / "engine", settings.engine_port)


def sample_purchases(
    settings: Settings, households: int | None, *, without: int = 0, days: int | None = None
) -> "CompleteJourneyPurchases":
    """The real sample data, its time shifted so that it ended when it was first imported here.

    Of so many households but for the first ones, and of the last days alone.

    The shift is kept under the home folder: shifted otherwise, every purchase of a second
    import would be in conflict with the first.
    """
    from adapters.complete_journey import CompleteJourneyPurchases

    ended = settings.home / "complete-journey-ends"
    if not ended.exists():
        settings.home.mkdir(parents=True, exist_ok=True)
        ended.write_text(instant.render(SystemClock()()))
    return CompleteJourneyPurchases(
        now=instant.parse(ended.read_text()), households=households, without=without, days=days
    )


def file_mapping(profile: str | None, path: Path | None) -> "FileMapping":
    """What differs between a file and ours.

    Raises:
        Rejected: the mapping cannot be read; names the line and the reason.
    """
    from adapters.purchase_files import read_mapping

    return read_mapping(profile, path)


def file_purchases(path: Path, mapping: "FileMapping", kind: "RowKind") -> "PurchaseFile":
    """The rows of a file, whatever form it has; "-" is standard input.

    Raises:
        Rejected: no such file, another kind of file, or its header cannot be read.
    """
    from adapters.purchase_files import FileOptions, open_purchase_file

    return open_purchase_file(path, FileOptions(mapping=mapping, kind=kind))


def audience_files(
    kind: str, output: str | None, *, stdout: BinaryIO, holdout: bool, excel: bool = False
) -> "AbstractContextManager[AudienceFiles | BucketFiles]":
    """Where an audience goes: stdout, or files or objects that appear when they are complete.

    Raises:
        InvalidRequest: the bucket has no such name.
    """
    from adapters.audience_files import open_audience_files, open_bucket_files
    from adapters.object_store import check_s3, open_object_store

    if output is None or not output.lower().startswith("s3:"):
        path = None if output is None else Path(output)
        return open_audience_files(kind, path, stdout=stdout, holdout=holdout, excel=excel)
    folder, _, name = output.rpartition("/")
    if not name or folder.lower() in {"s3:/", "s3:"}:
        raise InvalidRequest("--output", f"{output} must be s3://BUCKET/FILE")
    check_s3(output)
    store = open_object_store(folder)
    return open_bucket_files(kind, folder, name, store=store, holdout=holdout, excel=excel)


def audience_parts(location: str, prefix: str) -> "ObjectAudienceParts":
    """The parts of one audience, below that prefix of a folder or bucket.

    Raises:
        InvalidRequest: the location is none.
        StoreUnavailable: it cannot be opened.
        Rejected: pyarrow is not installed.
    """
    try:
        from adapters.audience_parts import ObjectAudienceParts
    except ImportError as exc:
        raise Rejected(
            "--workers", "the parts are Parquet and need pyarrow: pip install 'propensity[local]'"
        ) from exc
    from adapters.object_store import open_object_store

    return ObjectAudienceParts(open_object_store(location), prefix)


def import_parts(location: str) -> "ObjectImportParts":
    """The rows of one import by partition, in a folder or bucket.

    Raises:
        InvalidRequest: the location is none.
        StoreUnavailable: it cannot be opened.
    """
    from adapters.import_parts import ObjectImportParts
    from adapters.object_store import open_object_store

    return ObjectImportParts(open_object_store(location))


def import_results(location: str) -> "ObjectImportResults":
    """What became of the partitions of one import, in a folder or bucket.

    Raises:
        InvalidRequest: the location is none.
        StoreUnavailable: it cannot be opened.
    """
    from adapters.import_parts import ObjectImportResults
    from adapters.object_store import open_object_store

    return ObjectImportResults(open_object_store(location))


def workers_of(*, processes: int | None, scheduler: str | None) -> "Workers | None":
    """So many processes of this machine, or those of a Dask scheduler; None: this process alone.

    Raises:
        Rejected: Dask is not installed.
    """
    from adapters.workers import DaskWorkers, ProcessWorkers

    if scheduler is not None:
        return DaskWorkers(scheduler)
    return None if processes is None else ProcessWorkers(processes)


def port_is_free(port: int, host: str) -> bool:
    """Whether nobody listens there."""
    from adapters import listening

    return listening.port_is_free(port, host)
