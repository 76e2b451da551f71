"""Errors go from one process to another as they are."""

import pickle

import pytest

import model_registry.errors
from domain.errors import (
    CorruptRecord,
    InvalidRequest,
    PartlyRecorded,
    PropensityError,
    StoreUnavailable,
    TablesDiffer,
)
from model_registry.errors import GateFailed


def every_kind(base: type[PropensityError]) -> set[type[PropensityError]]:
    return {base}.union(*(every_kind(each) for each in base.__subclasses__()))


@pytest.mark.parametrize(
    "error",
    [
        StoreUnavailable("no permission", transient=False),
        InvalidRequest("as_of", "lies ahead"),
        PartlyRecorded(["recorded", None], "throttled"),
        TablesDiffer(["no index", "no table"]),
        CorruptRecord("two purchases share an id"),
        GateFailed("parity", "differs"),
    ],
)
def test_an_error_is_the_same_in_another_process(error: PropensityError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  # as multiprocessing does
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_no_error_needs_what_made_it() -> None:
    assert model_registry.errors is not None  # its kinds are there
    for kind in every_kind(PropensityError):
        bare = kind.__new__(kind)
        bare.args = ("said",)
        again = pickle.loads(pickle.dumps(bare))  # noqa: S301  # as above
        assert (type(again), str(again)) == (kind, "said")
