"""Every error of the domain and the registry reaches HTTP with a status and a name of its own."""

import pytest

import domain.errors
import model_registry.errors
from api.http.problems import STATUS_OF, slug_of, status_of
from domain.errors import PropensityError

ROOMS = (domain.errors.__name__, model_registry.errors.__name__)


def descendants(cls: type[PropensityError]) -> list[type[PropensityError]]:
    below = [sub for sub in cls.__subclasses__() if sub.__module__ in ROOMS]
    return [error for sub in below for error in (sub, *descendants(sub))]


ERRORS = descendants(PropensityError)


def test_both_rooms_raise_errors() -> None:
    assert {error.__module__ for error in ERRORS} == set(ROOMS)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_has_a_status(error: type[PropensityError]) -> None:
    branches = [base for base in error.__mro__ if base in STATUS_OF]
    assert len(branches) == 1
    assert status_of(error) == STATUS_OF[branches[0]]


def test_no_two_errors_share_a_problem_type() -> None:
    assert len({slug_of(error) for error in ERRORS}) == len(ERRORS)
