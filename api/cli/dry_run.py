"""The report of a dry run: what an import would do, the first rows, and the refusals by reason."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from api.cli.output import emit, say
from domain.purchases import (
    Conventions,
    ImportPurchases,
    Outcome,
    PurchaseSource,
    RawRow,
    RefusedRow,
)

_FIRST_ROWS = 5
_MOST_REASONS = 1_000
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|\b\d[\d.,]*\b")


@dataclass(slots=True)
class _Reasons:
    """How many rows were refused for each reason, what they quote left out, and where first."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    first: dict[tuple[str, str], RefusedRow] = field(default_factory=dict)

    def __call__(self, refused: RefusedRow) -> None:
        key = (refused.field, _QUOTED.sub("...", refused.reason))
        if key not in self.first and len(self.first) >= _MOST_REASONS:
            key = ("", "other reasons")
        self.first.setdefault(key, refused)
        self.counts[key] += 1


def dry_run(
    check: ImportPurchases, source: PurchaseSource, conventions: Conventions, *, as_json: bool
) -> int:
    """Prints what would happen to every row and returns how many would be refused.

    Nothing is written, no store is asked.
    """
    reasons = _Reasons()
    counts = asyncio.run(
        check(source, conventions=conventions, on_refused=reasons, on_progress=lambda _: None)
    )
    first = list(islice(source.rows(), _FIRST_ROWS))
    refusals = [
        {
            "rows": count,
            "field": field_name,
            "reason": reasons.first[field_name, reason].reason,
            "first_row": reasons.first[field_name, reason].row.number,
        }
        for (field_name, reason), count in reasons.counts.most_common()
    ]
    document = {
        "dry_run": True,
        "rows": counts.total(),
        "valid": counts[Outcome.RECORDED] + counts[Outcome.CANCELLED] + counts[Outcome.DUPLICATE],
        "refused": counts[Outcome.REJECTED] + counts[Outcome.CONFLICT],
        "first_rows": [_shown(row) for row in first],
        "refusals": refusals,
        "columns_not_used": list(getattr(source, "ignored", ())),
    }
    emit(document, as_json=as_json, text=_text(document, first, refusals))
    say("nothing was written; what is stored already was not looked at")
    return counts[Outcome.REJECTED] + counts[Outcome.CONFLICT]


def _shown(row: RawRow) -> dict[str, object]:
    fields = {name: str(value) for name, value in (row.raw or {}).items()}
    return {"row": row.number, "kind": row.kind, "fields": fields, "problem": row.problem}


def _text(
    document: dict[str, object], first: Sequence[RawRow], refusals: Sequence[dict[str, object]]
) -> str:
    shown = [
        f"  row {row.number}: {row.kind} "
        + (", ".join(f"{n}={v}" for n, v in (row.raw or {}).items()) or row.problem or "")
        for row in first
    ]
    refused = [
        f"refused {each['rows']:,}: {each['field']} {each['reason']} (first: row {each['first_row']})"
        for each in refusals
    ]
    rows, valid, bad = (document[name] for name in ("rows", "valid", "refused"))
    return "\n".join([f"{rows:,} rows: {valid:,} valid, {bad:,} refused", *shown, *refused])
