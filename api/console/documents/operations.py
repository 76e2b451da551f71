"""What the page *Operations* shows: findings, the queue and its dead letters, the audit record, keys."""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from msgspec import Struct

from api.console.kept import Aged
from api.documents.doctor import Finding
from api.queue import peek, replay
from api.queue.dead_letters import Replayed
from domain.audit import Entry, Newest
from domain.errors import NotFound, Unavailable
from domain.keys import Key, KeyKind
from domain.queue import Message, MessageQueue, QueueDepth
from domain.values import MICROS_PER_DAY

MOST_LETTERS = 50
"""That are looked at; the command line shows as many as are wanted."""
REPLAYED_AT_ONCE = 200
"""Dead letters by one click, so that it ends while somebody waits."""


class Operations(Struct, frozen=True, kw_only=True):
    """The page itself; each piece comes by its own path, and has a JSON twin there."""

    pieces: dict[str, str]


class Findings(Struct, frozen=True, kw_only=True):
    """What the doctor found, and when: microseconds since the epoch, UTC. None: not yet.

    `looking`: a newer look is on its way.
    """

    findings: list[Finding] | None
    at: int | None
    age_s: float | None
    looking: bool
    problem: str = ""

    @property
    def wrong(self) -> list[Finding]:
        """Those that somebody should see to."""
        return [each for each in self.findings or [] if not each.ok]

    @classmethod
    def of(cls, aged: Aged | None, *, now: int, fresh_s: float) -> "Findings":
        """What is known at `now`; a look is fresh for so long."""
        if aged is None:
            return cls(findings=None, at=None, age_s=None, looking=True)
        age_s = (now - aged.at) / 1_000_000
        return cls(
            findings=None if aged.problem else aged.value,
            at=aged.at,
            age_s=age_s,
            looking=age_s > fresh_s,
            problem=aged.problem,
        )


class Depth(Struct, frozen=True, kw_only=True):
    """How many messages a queue holds, as SQS counts them; exact within a minute."""

    waiting: int
    in_work: int
    delayed: int

    @classmethod
    def of(cls, depth: QueueDepth) -> "Depth":
        """The depth as it is shown."""
        return cls(waiting=depth.visible, in_work=depth.in_flight, delayed=depth.delayed)


class Letter(Struct, frozen=True, kw_only=True):
    """A dead letter, without its body: that names customers. `since` in microseconds, UTC."""

    message_id: str
    since: int | None
    reason: str | None
    purchases: int | None
    bytes: int

    @classmethod
    def of(cls, message: Message) -> "Letter":
        """The letter as it is shown."""
        return cls(
            message_id=message.message_id,
            since=message.sent_at,
            reason=message.reason,
            purchases=_purchases_in(message.body),
            bytes=len(message.body.encode()),
        )


class Cause(Struct, frozen=True, kw_only=True):
    """Dead letters of one reason. Instants in microseconds since the epoch, UTC."""

    reason: str | None
    letters: int
    oldest: int | None
    newest: int | None


class QueuePage(Struct, frozen=True, kw_only=True):
    """The queue and its dead letters. `missing`: there is no queue of this name; `problem`: SQS is silent."""

    queue: str
    dead_letter_queue: str
    depth: Depth | None = None
    dead: Depth | None = None
    letters: list[Letter] = []
    missing: bool = False
    problem: str = ""

    @property
    def causes(self) -> list[Cause]:
        """Why the letters are dead, the commonest reason first."""
        found: dict[str | None, list[Letter]] = {}
        for letter in self.letters:
            found.setdefault(letter.reason, []).append(letter)
        causes = [_cause(reason, letters) for reason, letters in found.items()]
        return sorted(causes, key=lambda each: -each.letters)


class AuditLine(Struct, frozen=True, kw_only=True):
    """One act. `at` in microseconds since the epoch, UTC."""

    at: int
    actor: str
    act: str
    target: str
    name: str | None
    failed: bool
    request_id: str

    @classmethod
    def of(cls, entry: Entry) -> "AuditLine":
        """The entry as it is shown."""
        return cls(
            at=entry.at,
            actor=entry.actor,
            act=entry.act,
            target=entry.target,
            name=entry.name,
            failed=entry.outcome == "failed",
            request_id=entry.request_id,
        )


class AuditPage(Struct, frozen=True, kw_only=True):
    """Acts, the newest first, down to the instant `since`: microseconds since the epoch, UTC.

    `older` is where to go on from; None: it is long before anything.
    """

    lines: list[AuditLine]
    since: int
    act: str
    actor: str
    acts: list[str]

    @classmethod
    def of(cls, newest: Newest, *, act: str, actor: str, acts: Sequence[str]) -> "AuditPage":
        """The entries as they are shown."""
        lines = [AuditLine.of(entry) for entry in newest.entries]
        return cls(lines=lines, since=newest.since, act=act, actor=actor, acts=list(acts))


class KeyLine(Struct, frozen=True, kw_only=True):
    """One key without its secret. `last_used` is a day, in microseconds since the epoch, UTC."""

    key_id: str
    actor: str
    is_publishable: bool
    scopes: list[str]
    why_not: str | None
    last_used: int | None
    expires_at: int | None

    @classmethod
    def of(cls, key: Key, *, now: int) -> "KeyLine":
        """The key as it is at `now`."""
        return cls(
            key_id=key.key_id,
            actor=key.actor,
            is_publishable=key.kind is KeyKind.PUBLISHABLE,
            scopes=sorted(key.scopes),
            why_not=key.why_not(now),
            last_used=None if key.last_used is None else key.last_used * MICROS_PER_DAY,
            expires_at=key.expires_at,
        )


class KeysPage(Struct, frozen=True, kw_only=True):
    """Every key there ever was, the newest first."""

    keys: list[KeyLine]


@dataclass(frozen=True, slots=True)
class Pair:
    """A queue, and the one for what cannot be taken."""

    queue: MessageQueue
    letters: MessageQueue


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """The deployment's queues. `opened` raises NotFound where there are none. All of it blocks."""

    queue: str
    dead_letter_queue: str
    opened: Callable[[], AbstractContextManager[Pair]]

    def seen(self) -> QueuePage:
        """What the queues hold; the letters stay where they are."""
        try:
            with self.opened() as pair:
                return asyncio.run(self._seen(pair))
        except NotFound:
            return QueuePage(
                queue=self.queue, dead_letter_queue=self.dead_letter_queue, missing=True
            )
        except Unavailable as exc:
            return QueuePage(
                queue=self.queue, dead_letter_queue=self.dead_letter_queue, problem=str(exc)
            )

    def dead(self) -> int:
        """How many dead letters wait for somebody; 0 where there is no queue.

        Raises:
            StoreUnavailable: SQS did not answer.
        """
        try:
            with self.opened() as pair:
                return asyncio.run(pair.letters.depth()).total
        except NotFound:
            return 0

    async def _seen(self, pair: Pair) -> QueuePage:
        depth, dead = await asyncio.gather(pair.queue.depth(), pair.letters.depth())
        letters = await peek(pair.letters, MOST_LETTERS) if dead.total else []
        return QueuePage(
            queue=self.queue,
            dead_letter_queue=self.dead_letter_queue,
            depth=Depth.of(depth),
            dead=Depth.of(dead),
            letters=[Letter.of(each) for each in letters],
        )

    def replay(self) -> Replayed:
        """Dead letters are back in the queue, REPLAYED_AT_ONCE at most.

        Raises:
            NotFound: there are no queues.
            StoreUnavailable: SQS did not answer; what was sent back is there.
        """
        with self.opened() as pair:
            return asyncio.run(replay(pair.letters, pair.queue, most=REPLAYED_AT_ONCE))


def _cause(reason: str | None, letters: Sequence[Letter]) -> Cause:
    since = [each.since for each in letters if each.since is not None]
    return Cause(
        reason=reason,
        letters=len(letters),
        oldest=min(since, default=None),
        newest=max(since, default=None),
    )


def _purchases_in(body: str) -> int | None:
    """How many entries the body has; None: it cannot be read."""
    try:
        document = json.loads(body)
    except ValueError:
        return None
    if isinstance(document, dict):
        document = document.get("purchases", [document])
    return len(document) if isinstance(document, list) else None
