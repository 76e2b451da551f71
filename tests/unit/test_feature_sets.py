"""Feature sets as files declare them; an error says in which line, and why."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.feature_sets import built_in_sets, feature_set_of, read_feature_sets
from domain.errors import Rejected
from domain.features import TARGET, Aggregation, Combination, Feature, Operation, Shape, Transform
from domain.values import Window
from tests.builders import USD, missing

FILE = """\
# A comment.
[mine]
description = "What we look at."

[[mine.features]]
aggregation = ["purchase_count", "active_days"]
window = ["7d", "36h"]
category = "shoes"

[[mine.features]]
aggregation = "days_since_last_purchase"
window = "ever"
clip = [0, 365]
transform = "log1p"

[[mine.features]]
name = "lately"
operation = "ratio"
of = [
    { aggregation = "purchase_count", window = "30d" },
    { aggregation = "purchase_count", window = "ever" },
]

[other]
features = [{ aggregation = "purchase_count", window = "30d", category = "target" }]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "features.toml"
    path.write_text(FILE)
    return path


def test_a_file_declares_sets_of_features(file: Path) -> None:
    mine, other = read_feature_sets(file).values()
    hours = Window(36 * 3_600_000_000)
    assert (mine.name, mine.description) == ("mine", "What we look at.")
    assert mine.features == (
        *(
            Feature(aggregation, window, "shoes")
            for aggregation in (Aggregation.PURCHASE_COUNT, Aggregation.ACTIVE_DAYS)
            for window in (Window.days(7), hours)
        ),
        Feature(
            Aggregation.DAYS_SINCE_LAST_PURCHASE, None, None, Shape((0.0, 365.0), Transform.LOG1P)
        ),
        Combination(
            "lately",
            Operation.RATIO,
            (
                Feature(Aggregation.PURCHASE_COUNT, Window.days(30)),
                Feature(Aggregation.PURCHASE_COUNT, None),
            ),
        ),
    )
    assert other.features == (Feature(Aggregation.PURCHASE_COUNT, Window.days(30), TARGET),)
    assert other.in_currency(USD).targeted
    assert not mine.in_currency(USD).targeted


def test_a_set_is_found_by_its_name_and_by_its_file(file: Path) -> None:
    assert feature_set_of("lifetime") is built_in_sets()["lifetime"]
    assert feature_set_of(f"{file}:other").name == "other"
    with pytest.raises(Rejected, match="mine, other"):
        feature_set_of(str(file))
    with pytest.raises(Rejected, match="mine, other"):
        feature_set_of(f"{file}:mein")
    with pytest.raises(Rejected, match="lifetime"):
        feature_set_of("lifetimes")
    (file.parent / "one.toml").write_text(FILE[: FILE.index("[other]")])
    assert feature_set_of(str(file.parent / "one.toml")).name == "mine"


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ('"purchase_count", "active', '"purchases", "active', 6, "purchases"),
        ('"36h"', '"36m"', 7, "36m"),
        ('"36h"', '"99999d"', 7, "ten"),
        ('window = "ever"\n', 'window = "forever"\n', 12, "forever"),
        ('window = "ever"\n', "", 10, "window"),
        ('"days_since_last_purchase"', '"max_purchase_amount"', 10, "max_purchase_amount"),
        ("[0, 365]", "[365, 0]", 10, "365"),
        ("[0, 365]", "7", 13, "7"),
        ('"log1p"', '"log"', 14, "log"),
        ('category = "shoes"', "category = 7", 8, "7"),
        ('category = "shoes"', 'kategory = "shoes"', 8, "kategory"),
        ('"ratio"', '"quotient"', 18, "quotient"),
        ('    { aggregation = "purchase_count", window = "30d" },\n', "    7,\n", 19, "7"),
        ('"lately"', '"of late"', 16, "of late"),
        ('    { aggregation = "purchase_count", window = "ever" },\n', "", 19, "2"),
        ('description = "What we look at."', 'about = "us"', 3, "about"),
        ('aggregation = ["purchase_count", "active_days"]', "", 5, "aggregation"),
        ('features = [{ aggregation = "purchase_count"', "features = 7 # [{", 25, "features"),
    ],
)
def test_an_error_names_the_line_and_what_is_wrong_there(
    file: Path, old: str, new: str, line: int, told: str
) -> None:
    assert FILE.count(old) == 1 or old == '"ratio"'
    file.write_text(FILE.replace(old, new, 1))
    with pytest.raises(Rejected) as caught:
        read_feature_sets(file)
    assert caught.value.field == f"{file}, line {line}"
    assert not missing(caught.value.reason, told)


def test_two_features_of_one_name_are_refused(file: Path) -> None:
    file.write_text(FILE.replace('["7d", "36h"]', '["24h", "1d"]'))
    with pytest.raises(Rejected, match="purchase_count_1d"):
        read_feature_sets(file)


@pytest.mark.parametrize("content", ["", "# nothing", "features = [", "mine = 7", "[mine]"])
def test_what_declares_nothing_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "features.toml"
    path.write_text(content)
    with pytest.raises(Rejected, match=r"features\.toml"):
        read_feature_sets(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Rejected):
        read_feature_sets(tmp_path / "features.toml")


@pytest.mark.parametrize(
    ("aggregation", "window", "category"),
    [
        (Aggregation.ACTIVE_DAYS, None, None),
        (Aggregation.MAX_PURCHASE_AMOUNT, None, None),
        (Aggregation.DISTINCT_CATEGORIES, None, None),
        (Aggregation.TOTAL_PURCHASE_VOLUME, None, "shoes"),
        (Aggregation.DAYS_SINCE_LAST_PURCHASE, None, TARGET),
        (Aggregation.CATEGORY_BASE_RATE, None, None),
        (Aggregation.CATEGORY_BASE_RATE, Window.days(30), TARGET),
    ],
)
def test_what_no_total_keeps_is_no_feature(
    aggregation: Aggregation, window: Window | None, category: object
) -> None:
    with pytest.raises(ValueError, match=str(aggregation)):
        Feature(aggregation, window, category)  # type: ignore[arg-type]  # as it comes from a file


def test_the_logarithm_of_what_may_be_negative_needs_a_clip() -> None:
    operands = (Feature(Aggregation.PURCHASE_COUNT, None), Feature(Aggregation.MEAN_GAP, None))
    with pytest.raises(ValueError, match="clip"):
        Combination("d", Operation.DIFFERENCE, operands, Shape(None, Transform.LOG1P))
    nested = Combination("d", Operation.DIFFERENCE, operands)
    with pytest.raises(ValueError, match="clip"):
        Combination("p", Operation.PRODUCT, (nested, nested), Shape(None, Transform.SQRT))
    assert Combination("d", Operation.DIFFERENCE, operands, Shape((0, 9), Transform.LOG1P)).name


@pytest.mark.parametrize("name", built_in_sets())
def test_every_feature_says_in_words_what_it_is(name: str) -> None:
    features = built_in_sets()[name].features
    meanings = [feature.meaning for feature in features]
    assert len(set(meanings)) == len(meanings)
    assert all("_" not in meaning for meaning in meanings)


@given(st.floats(0, 1e12), st.sampled_from([None, *Transform]))
def test_what_a_transform_made_of_a_number_is_undone_for_people(
    value: float, transform: Transform | None
) -> None:
    shape = Shape(None, transform)
    assert shape.undone(float(shape.of(np.array([value]))[0])) == pytest.approx(value, rel=1e-9)
