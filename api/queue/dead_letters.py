"""Dead letters looked at and sent back: whatever interrupts it, nothing is lost."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from domain.queue import Message, MessageQueue

_HIDDEN_S = 120
"""While one looks or sends back; whoever is interrupted leaves them hidden so long at most."""
_BATCH = 10


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many letters were sent back, and how many stayed: they came back meanwhile, or twice.

    `all`: none was left for another time.
    """

    replayed: int
    left: int
    all: bool = True


async def peek(letters: MessageQueue, most: int) -> list[Message]:
    """At most so many dead letters, which stay where they are."""
    found: list[Message] = []
    try:
        async for batch in _received(letters):
            found += batch
            if len(found) >= most:
                break
    finally:
        await _shown(letters, found)
    return found[:most]


async def replay(
    letters: MessageQueue, queue: MessageQueue, *, most: int | None = None
) -> Replayed:
    """Every dead letter is back in the queue, each once: one that a worker refuses again stays.

    With `most`, it ends once about so many were sent back.

    A letter is deleted once it was sent, so an interruption may send one twice and loses none.
    """
    known: set[bytes] = set()
    left: list[Message] = []
    async for batch in _received(letters):
        for letter in batch:
            digest = hashlib.sha256(letter.body.encode()).digest()
            if digest in known:
                left.append(letter)
                continue
            await queue.send(letter.body, reason=None, group=letter.group)
            await letters.delete([letter])
            known.add(digest)
        if most is not None and len(known) >= most:
            break
    else:
        most = None
    await _shown(letters, left)
    return Replayed(replayed=len(known), left=len(left), all=most is None)


async def _received(letters: MessageQueue) -> AsyncIterator[list[Message]]:
    """Batches until none comes; each letter once, for whoever is quicker than two minutes."""
    while batch := await letters.receive(wait_s=1, visibility_s=_HIDDEN_S):
        yield list(batch)


async def _shown(letters: MessageQueue, found: list[Message]) -> None:
    for start in range(0, len(found), _BATCH):
        await letters.hide(found[start : start + _BATCH], seconds=0)
