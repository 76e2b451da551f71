"""The registry's log on S3: many writers at once, none lost."""

from concurrent.futures import ThreadPoolExecutor

from adapters.embedded import EmbeddedEngine
from adapters.object_store import open_object_store
from tests.contracts.buckets import location
from tests.registries import NAME, a_candidate, a_registry

WRITERS = 8
PROMOTES = 5
"""Each; 50 each are in tests/unit/test_registry.py, on a folder and in memory."""


def test_promotes_of_many_writers_are_all_in_the_log(s3: EmbeddedEngine) -> None:
    with location(s3) as url:
        registry = a_registry(open_object_store(url))
        for writer in range(WRITERS):
            registry.register(NAME, a_candidate(writer / 100), actor="tests")

        def promote(writer: int) -> list[int]:
            return [
                registry.promote(NAME, writer, actor=f"writer-{writer}", reason="why").number
                for _ in range(PROMOTES)
            ]

        with ThreadPoolExecutor(WRITERS) as pool:
            answered = list(pool.map(promote, range(1, WRITERS + 1)))
        history = registry.history(NAME)

    assert [revision.number for revision in history] == list(range(1, WRITERS * PROMOTES + 1))
    for writer, numbers in enumerate(answered, start=1):
        assert [r.number for r in history if r.actor == f"writer-{writer}"] == numbers
