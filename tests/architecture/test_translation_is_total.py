"""Every exception that PynamoDB or botocore can raise has a domain error."""

import inspect

import botocore.exceptions
import pynamodb.exceptions
import pytest

from adapters.dynamodb.wire.errors import TRANSLATION, describe, translated
from domain.errors import PropensityError

UNRAISED = {
    "MissingServiceIdError",  # the two of them: a service model without its own name
    "UndefinedModelAttributeError",
}
RAISED = [
    member
    for module in (pynamodb.exceptions, botocore.exceptions)
    for name, member in inspect.getmembers(module, inspect.isclass)
    if issubclass(member, Exception) and not issubclass(member, Warning)
    if member.__module__ == module.__name__ and name not in UNRAISED
]


@pytest.mark.parametrize("exc", RAISED, ids=lambda exc: f"{exc.__module__}.{exc.__name__}")
def test_vendor_exception_is_translated(exc: type[Exception]) -> None:
    assert any(base in TRANSLATION for base in exc.__mro__)


@pytest.mark.parametrize(
    "exc", [exc for exc in TRANSLATION if exc.__module__.startswith("pynamodb")]
)
def test_translation_keeps_the_cause(exc: type[Exception]) -> None:
    cause = exc.__new__(exc)
    with pytest.raises(PropensityError) as raised, translated():
        raise cause
    assert raised.value.__cause__ is cause
    assert describe(cause) == str(raised.value)
