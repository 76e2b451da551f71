"""The wording of messages, compared in one place."""

from tests.golden.messages import PAGE, page


def test_the_messages_are_those_of_the_golden_page() -> None:
    assert PAGE.read_text() == page(), (
        "the wording changed: run make golden, then read the difference"
    )
