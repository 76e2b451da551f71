"""The form of a new campaign: what was typed, kept as it was, and what it means."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litestar.datastructures import UploadFile

from api.console.documents.audience import range_of
from api.documents.campaign import MAX_SUPPRESSED
from domain.audience import Survey
from domain.campaigns import CampaignWanted, Policy
from domain.errors import InvalidRequest
from domain.purchases import customer_id_of
from domain.values import BUCKETS, basis_points_of

LOW, HIGH, HOLDOUT = 50, 100, "10 %"
_SEPARATORS = set(',;"\t')
_WHOLE = re.compile(r"\d{1,9}", re.ASCII)
_GAPS = re.compile(r"[^a-z0-9._-]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignForm:
    """What was typed, as text, but for the range in per cent, which always is one."""

    low: int = LOW
    high: int = HIGH
    name: str = ""
    holdout: str = HOLDOUT
    contacted: str = ""
    purchases: str = ""
    history: str = ""
    model: str = ""

    @classmethod
    def of(cls, typed: Mapping[str, Any]) -> "CampaignForm":
        """What a form or an address holds; ends that are none are those of before."""
        low = _per_cent(typed.get("low"), LOW)
        high = _per_cent(typed.get("high"), HIGH)
        if low > high:
            low, high = high, low
        if low == high:
            low, high = (low - 1, high) if low else (0, 1)
        texts = {
            name: str(typed.get(name, default)).strip()[:200]
            for name, default in (
                ("name", ""),
                ("holdout", HOLDOUT),
                ("contacted", ""),
                ("purchases", ""),
                ("history", ""),
                ("model", ""),
            )
        }
        return cls(low=low, high=high, **texts)

    @property
    def holdout_points(self) -> int | None:
        """The share held out in basis points; None: what was typed is none."""
        try:
            points = _points(self.holdout)
        except ValueError:
            return None
        return points if points < BUCKETS else None

    @property
    def slug(self) -> str:
        """The name as campaigns have them: November rings is november-rings."""
        return _GAPS.sub("-", self.name.lower()).strip("-")

    def wanted(
        self, category: str, survey: Survey, suppressed: Sequence[str] | None
    ) -> CampaignWanted:
        """The campaign that is wanted: of these people, as they were read.

        Raises:
            InvalidRequest: a field means nothing; says which.
        """
        within = range_of(self.low, self.high)
        try:
            holdout = _points(self.holdout)
        except ValueError as exc:
            raise InvalidRequest("holdout", str(exc)) from exc
        try:
            policy = Policy(
                min_probability=within.min_probability,
                max_probability=within.max_probability,
                holdout=holdout,
                suppression=suppressed is not None,
                not_contacted_days=_days(self.contacted, "contacted"),
                min_purchases=_whole(self.purchases, "purchases"),
                history_days=_days(self.history, "history") or 90,
            )
        except ValueError as exc:
            raise InvalidRequest("holdout", str(exc)) from exc
        return CampaignWanted(
            name=self.slug,
            category=category,
            policy=policy,
            model=survey.model,
            revision=survey.revision,
            as_of=survey.as_of,
            suppressed=suppressed or (),
        )

    async def suppressed(self, given: object) -> Sequence[str] | None:
        """The ids of a file that was handed in, one a line; None: there is no file.

        Raises:
            InvalidRequest: it is no text of ids, or holds none or too many.
        """
        if not isinstance(given, UploadFile) or not given.filename:
            return None
        try:
            text = (await given.read()).decode("utf-8-sig")
        except UnicodeDecodeError as exc:
            raise InvalidRequest(
                "suppress", "is no text in UTF-8, with an id on each line"
            ) from exc
        ids = [_id_in(line, n) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
        if not ids:
            raise InvalidRequest("suppress", "holds no ids; it has one on each line")
        if len(ids) > MAX_SUPPRESSED:
            raise InvalidRequest(
                "suppress",
                f"has {len(ids):,} ids, {MAX_SUPPRESSED:,} at most; propensity campaign create "
                "--suppress takes any number",
            )
        return ids


def _id_in(line: str, number: int) -> str:
    """The id of a line.

    Raises:
        InvalidRequest: it is none, or more than one.
    """
    try:
        found = customer_id_of(line.strip())
        wrong = "has more than an id" if set(found) & _SEPARATORS else None
    except InvalidRequest as exc:
        found, wrong = "", exc.reason
    if wrong is not None:
        raise InvalidRequest(
            "suppress", f"line {number} {wrong}; write one id on each line, without quotes"
        )
    return found


def _per_cent(typed: object, default: int) -> int:
    text = str(typed or "").strip()
    return int(text) if _WHOLE.fullmatch(text) and int(text) <= HIGH else default


def _points(text: str) -> int:
    """A share in per cent, with its sign or without."""
    number = text.removesuffix("%").strip()
    return basis_points_of(f"{number}%")


def _whole(text: str, field: str, most: int = 999_999_999) -> int | None:
    if not text:
        return None
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= most:
        raise InvalidRequest(field, f"must be a whole number from 1 to {most:,}, not {text!r:.60}")
    return int(text)


def _days(text: str, field: str) -> int | None:
    return _whole(text, field, 3_650)
