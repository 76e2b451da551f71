"""Flags that hold customers out: whether what they decide sells more."""

from typing import TypeAlias

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from api.console.documents.campaign import FlagPage, flag_conclusion
from api.console.pictures import drawn
from api.console.rendering import AnyRequest, page
from api.console.routes.campaign_pictures import differences
from api.console.signing_in import seen_with
from api.documents.campaign_results import FlagResultsReport
from api.http.parameters import decoded
from api.http.services import Deciding
from api.pictures import Draws
from domain.campaigns import FlagRecords, FlagResults
from domain.errors import NotFound
from domain.keys import Scope
from domain.values import BUCKETS, Currency

FlagsMeasured: TypeAlias = NamedDependency[SkipValidation[FlagRecords]]


@get("/flags/{key:str}", sync_to_thread=True, **seen_with(Scope.AUDIENCE))
def flag(
    key: FromPath[str],
    request: AnyRequest,
    flag_records: FlagsMeasured,
    deciding: NamedDependency[SkipValidation[Deciding]],
    console_draws: NamedDependency[SkipValidation[Draws]],
    console_currency: NamedDependency[Currency],
) -> Response[bytes]:
    """Whether what a flag decides sells more."""
    declared = deciding.decide.named(decoded(key, "key"))
    found = newest_of_flag(declared.key, flag_records)
    report = None if found is None else FlagResultsReport.of(found, console_currency.code)
    document = FlagPage(
        flag=declared.key,
        holdout=declared.holdout / BUCKETS,
        conclusion=flag_conclusion(found),
        measured_at=None if found is None else found.results.measured_at,
        results=report,
    )
    told = () if report is None else differences(report.metrics, report.category, report.currency)
    pictures = {
        name: drawn(console_draws, picture, wide=width)
        for name, (picture, width) in dict(told).items()
    }
    return page(request, "flag.html", document, pictures=pictures)


FLAG_ROUTES = (flag,)


def newest_of_flag(key: str, records: FlagRecords) -> FlagResults | None:
    """What was last measured of a flag; None: nothing was."""
    try:
        return records.newest(key)
    except NotFound:
        return None
