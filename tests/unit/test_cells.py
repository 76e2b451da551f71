"""Counting straight into the library's files is counting as the library does."""

import json
import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import json, random, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from prometheus_client import CollectorRegistry, Counter, Histogram, multiprocess
from adapters.metrics.cells import counting, measuring
from adapters.metrics.files import ROOM, make_room

make_room()
registry, dice, bounds = CollectorRegistry(), random.Random(3), (0.1, 0.5, 1)
def pair(name, labels=()):
    return (Counter(f"{name}_c", "c", labels, registry=registry),
            Histogram(f"{name}_h", "h", labels, buckets=bounds, registry=registry))
counter, histogram = pair("mine")
theirs = pair("theirs")
count, measure = counting(counter), measuring(histogram)
assert count != counter.inc and measure != histogram.observe, "the quick way is not taken"
many, _ = pair("many", ["number"])
cells = [counting(many.labels(str(n) * 200)) for n in range(2_000)]  # the file grows and is mapped again
values = [dice.choice([0.0, 0.1, 0.3, 0.5, 0.7, 1.0, 2.0]) for _ in range(4_000)]
def tell(value):
    count(value); measure(value)
    theirs[0].inc(value); theirs[1].observe(value)
with ThreadPoolExecutor(4) as pool:
    list(pool.map(tell, values))
for each in cells:
    each(2)
found = {}
for family in multiprocess.MultiProcessCollector(CollectorRegistry(), sys.argv[1]).collect():
    for sample in family.samples:
        labels = "".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))
        found[f"{sample.name} {labels}"] = round(sample.value, 6)
files = [path.stat() for path in Path(sys.argv[1]).iterdir()]
assert max(file.st_size for file in files) > ROOM, "no file has grown"
assert all(file.st_blocks * 512 >= file.st_size for file in files), "SIGBUS on a full disk"
print(json.dumps(found))
"""


def test_both_ways_of_counting_come_to_the_same(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=True,
        text=True,
    )
    found = json.loads(done.stdout)
    mine = {name.removeprefix("mine"): v for name, v in found.items() if name.startswith("mine")}
    theirs = {
        name.removeprefix("theirs"): v for name, v in found.items() if name.startswith("theirs")
    }
    assert mine == theirs
    assert mine["_h_count "] == 4_000
    many = [value for name, value in found.items() if name.startswith("many_c_total")]
    assert many == [2.0] * 2_000
