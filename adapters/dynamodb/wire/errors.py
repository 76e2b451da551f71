"""PynamoDB and botocore exceptions to domain errors: one table, one context manager."""

import asyncio
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  # botocore's own, not the builtin
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
)
from pynamodb.exceptions import AttributeDeserializationError, AttributeNullError, PynamoDBException

from adapters.aws_advice import CREDENTIALS_ADVICE
from domain.cost import count_refusal
from domain.errors import CorruptRecord, PropensityError, StoreUnavailable
from domain.store_calls import CallOutcome

VENDOR = (PynamoDBException, BotoCoreError, ClientError)
Reason: TypeAlias = Mapping[str, Any]
"""Why one item cancelled a transaction, or that it did not: `Code`, and often the stored `Item`."""
TRANSLATION: dict[type[Exception], type[PropensityError]] = {
    AttributeDeserializationError: CorruptRecord,
    AttributeNullError: CorruptRecord,
    PynamoDBException: StoreUnavailable,
    BotoCoreError: StoreUnavailable,
    ClientError: StoreUnavailable,
}

# Source: AWS, "Error handling with DynamoDB", and the cancellation reasons of TransactWriteItems.
_TRANSIENT_CODES = frozenset(
    {
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "RequestTimeoutException",
        "ReplicatedWriteConflictException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "ThrottlingError",
        "Throttling",
        "ThrottlingException",
        "TransactionConflict",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
# What the network may mend; botocore's other errors are settings or credentials.
_TRANSIENT_ERRORS = (ConnectionError, HTTPClientError, IncompleteReadError)
_CONDITION_FAILED = "ConditionalCheckFailed"
_OUTCOMES = {
    CallOutcome.THROTTLED: {code for code in _TRANSIENT_CODES if "Throttl" in code}
    | {
        "LimitExceededException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
    },
    CallOutcome.CONFLICT: {code for code in _TRANSIENT_CODES if "Transaction" in code}
    | {"ReplicatedWriteConflictException"},
    CallOutcome.CONDITION_FAILED: {_CONDITION_FAILED, "ConditionalCheckFailedException"},
}
"""By the code that matters most: a throttled transaction may have other reasons beside."""
_ADVICE = {
    "ResourceNotFoundException": "a table does not exist; create it: propensity tables create",
    **CREDENTIALS_ADVICE,
    "ItemCollectionSizeLimitExceeded": "one customer's purchases fill the 10 GB an LSI allows",
}


@contextmanager
def translated() -> Generator[None, None, None]:
    """Re-raises any known vendor exception as its domain error, cause kept."""
    try:
        yield
    except tuple(TRANSLATION) as exc:
        raise _domain_error(exc) from exc


def _domain_error(exc: Exception) -> PropensityError:
    target = next(TRANSLATION[kind] for kind in type(exc).__mro__ if kind in TRANSLATION)
    if target is StoreUnavailable:
        return StoreUnavailable(describe(exc), transient=is_transient(exc))
    return target(describe(exc))


def describe(exc: Exception) -> str:
    """What went wrong and what to do, without keys or values of any item."""
    code, root = error_code(exc), _root(exc)
    if code is None and isinstance(root, BotoCoreError) and not isinstance(root, _TRANSIENT_ERRORS):
        return f"DynamoDB could not be asked ({type(root).__name__}): check AWS_PROFILE or the role"
    if code is None and isinstance(root, EndpointConnectionError):
        return (
            f"nothing answers at {root.kwargs['endpoint_url']} ({type(root).__name__}); check "
            "PROPENSITY_DYNAMODB_ENDPOINT, or start the local engine: propensity db start"
        )
    if code is None:
        return f"DynamoDB did not answer ({type(root).__name__})"
    codes = _cancelled_by(exc) or [code]
    advice = "; ".join(dict.fromkeys(_ADVICE[code] for code in codes if code in _ADVICE))
    named = code if codes == [code] else f"{code} ({', '.join(dict.fromkeys(codes))})"
    return f"DynamoDB answered {named}: {advice or 'see its documentation'}{_explained(exc)}"


def _explained(exc: Exception) -> str:
    """What AWS says beside its code, as far as it names no item and no account.

    Which action is not allowed; and of a signature, which times were compared.
    """
    said = str(_response(exc).get("Error", {}).get("Message", ""))
    if action := re.search(r"perform: (\w+:\w+)", said):
        return f" ({action[1]})"
    if expired := re.search(
        r"Signature (?:expired|not yet current): [0-9TZ a-z.()+-]{10,120}", said
    ):
        return f" ({expired[0].strip()})"
    return ""


def is_transient(exc: Exception) -> bool:
    """Whether the same request may succeed a moment later."""
    if codes := _cancelled_by(exc):
        return all(code in _TRANSIENT_CODES for code in codes)
    code = error_code(exc)
    if code is None:
        return isinstance(_root(exc), _TRANSIENT_ERRORS)
    status = _response(exc).get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return code in _TRANSIENT_CODES or int(status) >= 500  # noqa: PLR2004  # HTTP server errors


def call_outcome(exc: BaseException) -> CallOutcome:
    """What became of a call that raised this."""
    if not isinstance(exc, Exception) or (code := error_code(exc)) is None:
        return CallOutcome.SILENT
    codes = set(_cancelled_by(exc)) or {code}
    for outcome, those in _OUTCOMES.items():
        if codes & those:
            return outcome
    return CallOutcome.REFUSED


def is_silence(exc: Exception) -> bool:
    """Whether the store did not answer at all: no connection, or nothing in time."""
    root = _root(exc)
    return error_code(exc) is None and isinstance(root, (TimeoutError, *_TRANSIENT_ERRORS))


async def pause_or_raise(pauses: Iterator[float], failure: Exception) -> None:
    """Waits before the next attempt, where one may help and there is time for it.

    Raises:
        PropensityError: the failure as a domain error, where not.
    """
    if transient := is_transient(failure):
        count_refusal()
    if not transient or (pause := next(pauses, None)) is None:
        with translated():
            raise failure
    await asyncio.sleep(pause)


def cancellation_reasons(exc: Exception) -> Sequence[Reason]:
    """Why each item cancelled the transaction, in the order of the request; empty: not known."""
    reasons: Sequence[Reason] = _response(exc).get("CancellationReasons", ())
    return reasons


def condition_failed(reason: Reason) -> bool:
    """Whether this item cancelled the transaction because its condition did not hold."""
    return reason.get("Code") == _CONDITION_FAILED


def _cancelled_by(exc: Exception) -> list[str]:
    """The codes of the items that cancelled a transaction."""
    codes = (str(reason.get("Code")) for reason in cancellation_reasons(exc))
    return [code for code in codes if code != "None"]


def error_code(exc: Exception) -> str | None:
    """DynamoDB's own code; None where it did not answer at all."""
    code = _response(exc).get("Error", {}).get("Code")
    return str(code) if code else None


def _response(exc: Exception) -> Mapping[str, Any]:
    return getattr(_root(exc), "response", None) or {}  # None where nothing was received


def _root(exc: Exception) -> Exception:
    cause = getattr(exc, "cause", None)
    return cause if isinstance(cause, Exception) else exc
