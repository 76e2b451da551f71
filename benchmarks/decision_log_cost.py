"""What logging a decision costs, all threads counted: on the path, and aside.

Run: python -m benchmarks.decision_log_cost
"""

import secrets
import sys
import time

from adapters.decision_log.columns import warm_up
from adapters.decision_log.pseudonyms import Pseudonyms
from adapters.decision_log.writing import DecisionWriter
from adapters.object_store import open_object_store
from domain.decision_log import LogDecisions
from domain.prediction import Prediction
from tests.decision_logs import an_answer

FEATURES, ROUNDS = 12, 15
ROUTE = "/v1/customers/{customer_id}/propensity"


def predictions(count: int) -> list[Prediction]:
    """Of so many customers, with twelve features each."""
    made = [
        an_answer(
            1_800_000_000_000_000 + number,
            f"customer-{number % 5_000}",
            tuple(1_000 * secrets.randbelow(1 << 53) / (1 << 53) for _ in range(FEATURES)),
        ).prediction
        for number in range(count)
    ]
    return [each for each in made if each is not None]


def microseconds(count: int) -> tuple[float, float]:
    """Of CPU for each decision of a file of so many: on the path, and aside."""
    writer = DecisionWriter(
        open_object_store("memory:"),
        Pseudonyms([secrets.token_bytes(32)]),
        clock=lambda: 1_800_000_000_000_000,
        flush_s=10,
    )
    log = LogDecisions(
        keep=writer.keep, clock=lambda: 0, random=secrets.randbits, propensity=10_000, flags=10_000
    )
    given = predictions(count)
    began = time.process_time()
    for each in given:
        log.of_propensity(each, route=ROUTE)
    kept = time.process_time()
    writer.flush()
    written = time.process_time()
    return (kept - began) / count * 1e6, (written - kept) / count * 1e6


def main() -> None:
    """Writes the least of some rounds, for files of some sizes."""
    warm_up()
    lines = ["decisions a file | on the path | aside | together, in microseconds of CPU each"]
    for count in (100, 1_000, 10_000):
        path, aside = min((microseconds(count) for _ in range(ROUNDS)), key=sum)
        lines.append(f"{count:>16,} | {path:11.1f} | {aside:5.1f} | {path + aside:8.1f}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
