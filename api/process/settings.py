"""Settings: read once from the environment and `.env`, checked, then frozen."""

import ast
import os
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from inspect import getsource
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from dotenv import dotenv_values
from msgspec import Meta, Struct, convert, structs

from domain.decisions import Policy
from domain.errors import Rejected
from domain.retention import PurchaseRetention, Retention
from domain.values import Consistency, Currency, Window, basis_points_of

AWS = "aws"
PREFIX = "PROPENSITY_"
DOTENV = Path(".env")
MASK = "**********"
_ENGINE_HOSTS = {"127.0.0.1", "localhost"}
_HTTP_PORT = 80
_KEY_BYTES = 32
_LEAST_DISTINCT = 16
"""Fewer of 32 random bytes are distinct in one of 10^16 keys."""
_LOGGED, _LOGGED_EXAMPLE = ("propensity", "flags"), "propensity=100%,flags=10%"


class Secret:
    """A text that is never shown."""

    def __init__(self, value: str) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Secret({MASK})"


Seconds: TypeAlias = Annotated[float, Meta(gt=0, le=300)]
Probability: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
Price: TypeAlias = Annotated[float, Meta(ge=0, le=1_000_000)]


class Settings(Struct, frozen=True, kw_only=True):
    """Every setting of a deployment; each is an environment variable with this prefix.

    Raises:
        ValueError: values do not go together.
    """

    home: Path = Path(".propensity")
    """Folder for local data: engine, registry, reports."""
    dynamodb_endpoint: str = "http://127.0.0.1:8001"
    """`aws`, or the URL of a DynamoDB endpoint; the default is the embedded engine's."""
    region: Annotated[str, Meta(min_length=1)] = "us-east-1"
    """AWS region of the tables."""
    table_prefix: Annotated[str, Meta(pattern="^[a-zA-Z0-9_.-]{0,100}\\Z")] = ""
    """Put before every table's name, so that deployments can share an account."""
    access_key_id: str | None = None
    """Only for endpoints that are not AWS; AWS credentials are found as by the AWS CLI."""
    secret_access_key: Secret | None = None
    """Belongs to the access key id; never printed."""
    currency: str = "USD"
    """The one currency (ISO 4217); never change it once data is stored."""
    recent_days: Annotated[int, Meta(ge=1, le=90)] = 90
    """Days of purchases kept ready per customer; the longest window of the features."""
    models: Annotated[
        str, Meta(pattern="^[a-z0-9][a-z0-9._-]{0,63}(,[a-z0-9][a-z0-9._-]{0,63})*\\Z")
    ] = "purchase-propensity,category-propensity"
    """Names of the models that serve, by commas; the first one answers who names none."""
    audience_model: str = ""
    """Name of the model that scores audiences; empty: the first of the models."""
    registry: str = ""
    """Folder or `s3://bucket/prefix` of the model registry; empty: `registry` under the home."""
    registry_poll_s: Annotated[float, Meta(ge=0.05, le=300)] = 1.0
    """Seconds between two looks of a server for a newer revision."""
    campaigns: str = ""
    """Folder or `s3://bucket/prefix` of campaigns, with the ids of their members; empty: beside the registry."""
    campaign_retention_days: Annotated[int, Meta(ge=1, le=3650)] | None = None
    """Days after a campaign began for which its members are kept; `propensity campaign tidy` removes them then, and keeps counts and results; empty: for ever."""
    scorers: str = "onnx,linear,constant"
    """Kinds of scorers that may run, by commas; add an installed plugin's kind to allow its code."""
    banner_min_probability: Probability = 0.5
    """The banner is shown from this probability on."""
    banner_max_probability: Probability = 1.0
    """The banner is shown up to this probability."""
    read_price_per_million: Price = 0.125
    """US dollars per million read units; the default is us-east-1 on-demand."""
    write_price_per_million: Price = 0.625
    """US dollars per million write units; the default is us-east-1 on-demand."""
    host: str = "127.0.0.1"
    """Address to serve on; loopback by default."""
    open_access: bool = False
    """Answer without a key, on any address, what changes nothing for others; as `serve --open`."""
    port: Annotated[int, Meta(ge=1, le=65535)] = 8000
    """Port to serve on."""
    metrics_port: Annotated[int, Meta(ge=1, le=65535)] | None = None
    """Port on which Prometheus may ask for metrics; empty: none."""
    metrics_host: str = "127.0.0.1"
    """Address for metrics; loopback by default."""
    lambda_metrics: bool = False
    """Whether a Lambda function writes a line with metrics for CloudWatch at each event; they cost."""
    keep_alive_s: Annotated[int, Meta(ge=1, le=3600)] = 75
    """Seconds that a connection is kept between requests; longer than your load balancer keeps it."""
    client_silence_s: Annotated[float, Meta(gt=0, le=3600)] = 30.0
    """Seconds that a client may take for the head of a request, or be silent within its body."""
    requests_in_work: Annotated[int, Meta(ge=1, le=10_000)] = 32
    """Requests that one process works on at once; more where your store is far away."""
    requests_waiting: Annotated[int, Meta(ge=0, le=10_000)] = 32
    """Requests that may wait for a place, a second at most; the others get a 503 at once."""
    drain_s: Annotated[float, Meta(ge=0, le=300)] = 0.0
    """Seconds after SIGTERM in which all is answered while `/readyz` says 503; then the stop begins."""
    graceful_stop_s: Annotated[int, Meta(ge=1, le=3600)] = 20
    """Seconds that requests and streams may go on after SIGTERM; streams end with a last line before."""
    connect_timeout_s: Seconds = 0.5
    """Seconds to connect to DynamoDB."""
    read_timeout_s: Seconds = 1.0
    """Seconds that DynamoDB may take to answer one request."""
    read_deadline_s: Seconds = 2.0
    """Seconds after which a read is no longer retried."""
    read_consistency: Consistency = Consistency.STRONG
    """How predictions and flags read: `strong`, or `eventual` at half the price; then a purchase of a moment ago may be missing."""
    write_deadline_s: Seconds = 5.0
    """Seconds after which a write is no longer retried."""
    batch_deadline_s: Seconds = 60.0
    """Seconds that imports and training wait instead of the above."""
    audience_deadline_s: Annotated[float, Meta(gt=0, le=86400)] = 600.0
    """Seconds that a streamed audience takes at most; who is unread then is reported."""
    demo_shop: bool = False
    """Serve /demo-shop, where anybody may be any customer; on loopback only. `propensity demo` sets it."""
    console: bool = False
    """Serve /console, pages for people who sign in with a key. `propensity demo` sets it."""
    console_key: Secret | None = None
    """32 bytes in URL-safe base64 that seal the console's sessions; further keys, by commas, only open them; empty: random, so that a restart signs everybody out."""
    decisions: str = ""
    """File that declares flags, such as decisions.toml; empty: the banner alone."""
    decision_deadline_ms: Annotated[int, Meta(ge=1, le=60_000)] = 150
    """Milliseconds after which a flag's default is answered."""
    decision_log: str = ""
    """Folder or `s3://bucket/prefix` where decisions are logged, with their features; empty: none are."""
    decision_log_key: Secret | None = None
    """32 bytes in base64 that seal customers in the log of decisions; further keys, by commas, only open it; every process but `decisions tidy` needs the same."""
    decision_log_shares: str = "propensity=100%,flags=100%"
    """Which answers are logged, and how many of them; a flag may declare its own share, `log`."""
    decision_log_flush_s: Annotated[float, Meta(ge=0.1, le=300)] = 10.0
    """Seconds after which a decision is in the log at the latest; a process that is killed loses as many."""
    decision_log_retention_days: Annotated[int, Meta(ge=1, le=3650)] = 90
    """Days for which decisions are kept; `propensity decisions tidy` removes the older ones."""
    customer_token_keys: str = ""
    """File with the public key in PEM, or the JWKS, that checks customers' tokens."""
    customer_token_secret: Secret | None = None
    """Secret that signs and checks customers' tokens (HS256), instead of keys; 32 bytes or more."""
    customer_token_other_secret: Secret | None = None
    """A second secret that checks customers' tokens (HS256), while secrets are rotated."""
    customer_token_audience: Annotated[str, Meta(min_length=1)] = "propensity"  # noqa: S105  # an audience
    """What customers' tokens name as their audience (`aud`)."""
    cursor_key: Secret | None = None
    """32 bytes in URL-safe base64 that seal page cursors; further keys, by commas, only open them; empty: random, so that cursors survive no restart and are of no use to other servers."""
    cursor_ttl_s: Annotated[int, Meta(ge=1, le=86400)] = 3600
    """Seconds after which a page cursor expires."""
    queue: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,60}(\\.fifo)?\\Z")] = (
        "propensity-purchases"
    )
    """Name of the SQS queue that `propensity worker` consumes; `.fifo` at its end for a FIFO queue."""
    dead_letter_queue: Annotated[str, Meta(pattern="^([A-Za-z0-9_-]{1,75}(\\.fifo)?)?\\Z")] = ""
    """Name of the queue for what cannot be taken; empty: the queue's name and `-dead-letters`."""
    queue_endpoint: str = ""
    """URL of an SQS endpoint, or `aws`; empty: that of DynamoDB."""
    queue_visibility_s: Annotated[int, Meta(ge=10, le=43200)] = 60
    """Seconds until another worker gets a message; a slow batch extends it."""
    worker_concurrency: Annotated[int, Meta(ge=1, le=64)] = 4
    """Batches of ten messages that a worker handles at a time."""
    purchase_retention_days: Annotated[int, Meta(ge=1, le=36500)] | None = None
    """Days for which purchases are kept, counted from when they were bought; empty: for ever."""
    erasure_suppression_days: Annotated[int, Meta(ge=1, le=3650)] = 36
    """Days for which nothing of an erased customer is taken; longer than queues keep messages and backups reach back."""
    connections: Annotated[int, Meta(ge=1, le=1000)] = 32
    """Connections to DynamoDB that each event loop opens at most."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much the server logs; never customer data."""
    access_log_share: Probability = 0.0
    """Share of requests with a line of their own in the log; those that fail with 5xx have one always."""

    def __post_init__(self) -> None:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key go together")
        if self.customer_token_keys and self.customer_token_secret:
            raise ValueError("set customer_token_keys or customer_token_secret, not both")
        if self.customer_token_other_secret and not self.customer_token_secret:
            raise ValueError("customer_token_other_secret needs customer_token_secret")
        if self.demo_shop and not (is_loopback(self.host) and self.customer_token_secret):
            raise ValueError("demo_shop needs a host of loopback, and customer_token_secret")
        if self.audience_model and self.audience_model not in self.served_models:
            raise ValueError(
                f"audience_model {self.audience_model} is none of models: {self.models}"
            )
        _ = self.banner_policy  # raises where the range is empty
        _ = self.retention  # raises where purchases are dropped too early

    @property
    def served_models(self) -> Sequence[str]:
        """The names of the models that serve, in order, each once."""
        return list(dict.fromkeys(self.models.split(",")))

    @property
    def model(self) -> str:
        """The model that answers who names none."""
        return self.served_models[0]

    @property
    def banner_policy(self) -> Policy:
        """The web shop's policy."""
        return Policy(
            name="banner",
            min_probability=self.banner_min_probability,
            max_probability=self.banner_max_probability,
        )

    @property
    def retention(self) -> Retention:
        """What is kept for how long."""
        kept = PurchaseRetention(self.purchase_retention_days)
        try:
            return Retention.covering(Window.days(self.recent_days), kept)
        except ValueError as exc:
            raise ValueError(
                f"{exc}: raise {PREFIX}PURCHASE_RETENTION_DAYS or lower {PREFIX}RECENT_DAYS"
            ) from exc

    @property
    def logged_shares(self) -> Mapping[str, int]:
        """Of which answers how many of 10,000 are logged; none where there is no log."""
        return shares_of(self.decision_log_shares) if self.decision_log else {}

    @property
    def decision_log_keys(self) -> Sequence[bytes]:
        """The keys of the log of decisions, the newest first."""
        keys = self.decision_log_key
        return [] if keys is None else _random_keys(keys)

    @property
    def endpoint_url(self) -> str | None:
        """The DynamoDB endpoint; None is AWS itself."""
        return None if self.dynamodb_endpoint == AWS else self.dynamodb_endpoint

    @property
    def engine_port(self) -> int | None:
        """The embedded engine's port; None where the endpoint cannot be the engine's."""
        parts = urlsplit(self.dynamodb_endpoint)
        if parts.scheme != "http" or parts.hostname not in _ENGINE_HOSTS:
            return None
        return parts.port or _HTTP_PORT

    @property
    def credentials(self) -> tuple[str, str] | None:
        """Key id and secret; made up on loopback, so that real ones never go to a local engine."""
        if self.access_key_id is not None and self.secret_access_key is not None:
            return self.access_key_id, self.secret_access_key.value
        local = is_loopback(urlsplit(self.dynamodb_endpoint).hostname)
        return ("local", "local") if local else None

    @property
    def dead_letter_name(self) -> str:
        """The name of the dead-letter queue; FIFO as the queue is."""
        stem, fifo, _ = self.queue.partition(".fifo")
        return self.dead_letter_queue or f"{stem}-dead-letters{fifo}"

    @property
    def queue_url(self) -> str | None:
        """The SQS endpoint; None is AWS itself."""
        endpoint = self.queue_endpoint or self.dynamodb_endpoint
        return None if endpoint == AWS else endpoint

    @property
    def scorer_kinds(self) -> frozenset[str]:
        """The kinds of scorers that may run here."""
        return frozenset(kind.strip() for kind in self.scorers.split(","))

    @property
    def registry_location(self) -> str:
        """Where the model registry is."""
        return self.registry or str(self.home / "registry")

    @property
    def campaigns_location(self) -> str:
        """Where campaigns are."""
        return self.campaigns or self.registry_location


def described() -> Mapping[str, str]:
    """What each setting means, by its name: the docstring below its field."""
    (declared,) = ast.parse(getsource(Settings)).body
    statements = declared.body if isinstance(declared, ast.ClassDef) else []
    return {
        field.target.id: str(docstring.value.value)
        for field, docstring in pairwise(statements)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(docstring, ast.Expr)
        and isinstance(docstring.value, ast.Constant)
    }


def shown(settings: Settings) -> dict[str, object]:
    """Every setting with its value, plain; secrets are masked."""
    values = structs.asdict(settings)
    return {
        name: MASK
        if isinstance(value, Secret)
        else str(value)
        if isinstance(value, Path)
        else value
        for name, value in values.items()
    }


def load_settings() -> Settings:
    """The settings of this process.

    Raises:
        Rejected: a variable is not a setting, or its value is not allowed; names every one.
    """
    given = {
        name.upper().removeprefix(PREFIX).lower(): value
        for name, value in {**dotenv_values(DOTENV), **os.environ}.items()
        if name.upper().startswith(PREFIX)
    }
    types = {each.name: each.type for each in structs.fields(Settings)}
    unknown = sorted(PREFIX + name.upper() for name in given.keys() - types.keys())
    if unknown:
        raise Rejected(", ".join(unknown), "no such setting; see `propensity settings`")
    values: dict[str, Any] = {}
    reasons: list[str] = []
    for name in types.keys() & {name for name, value in given.items() if value}:
        try:
            values[name] = _value(name, types[name], given[name])
        except ValueError as exc:
            # The value stays out of the message: it may be a secret.
            reasons.append(f"{PREFIX}{name.upper()} {exc}")
    if reasons:
        raise Rejected("settings", "; ".join(sorted(reasons)))
    try:
        return Settings(**values)
    except ValueError as exc:
        raise Rejected("settings", f"together: {exc}") from None


def _value(name: str, kind: Any, text: str | None) -> object:
    value = convert(text, kind, strict=False, dec_hook=_own_type)
    _CHECKS.get(name, lambda _: None)(value)
    return value


def _own_type(kind: type, value: object) -> object:
    return kind(value)


def _check_endpoint(value: str) -> None:
    if value != AWS and not _is_url(value):
        raise ValueError(f"must be {AWS!r} or a URL such as http://127.0.0.1:8001")


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return bool(parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0)
    except ValueError:  # a port beyond 65535, or half an IPv6 address
        return False


@lru_cache(maxsize=256)  # each request without a key asks twice about the same names
def is_loopback(host: str | None) -> bool:
    """Whether this name or address is this machine's own, reached from nowhere else."""
    try:
        return ip_address(host or "").is_loopback
    except ValueError:  # a name
        return host == "localhost"


def _check_cursor_key(value: Secret) -> None:
    if any(len(_decoded(each)) != _KEY_BYTES for each in value.value.split(",")):
        raise ValueError("must be 32 bytes in base64, such as `openssl rand -base64 32`")


def _decoded(text: str) -> bytes:
    """What base64 spells, URL-safe or not, with or without padding; nothing where it is none."""
    plain = text.strip().replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        return b""


def random_key(text: str) -> bytes:
    """The key that a text spells in base64.

    Raises:
        ValueError: it is not 32 bytes, or these are not random.
    """
    key = _decoded(text)
    if len(key) != _KEY_BYTES or len(set(key)) < _LEAST_DISTINCT:
        raise ValueError("must be 32 random bytes in base64, such as `openssl rand -base64 32`")
    return key


def _random_keys(value: Secret) -> Sequence[bytes]:
    return [random_key(each) for each in value.value.split(",")]


def shares_of(text: str) -> Mapping[str, int]:
    """How many of 10,000 answers of each kind are logged.

    Raises:
        ValueError: a kind is none, comes twice, or its share is none.
    """
    shares: dict[str, int] = {}
    for each in text.split(","):
        kind, _, share = (part.strip() for part in each.partition("="))
        if kind not in _LOGGED or kind in shares:
            raise ValueError(f"must be shares by commas, such as {_LOGGED_EXAMPLE}")
        try:
            shares[kind] = basis_points_of(share)
        except ValueError as exc:
            raise ValueError(f"{kind} {exc}") from exc
    return shares


def _check_scorers(value: str) -> None:
    if not all(kind.strip() for kind in value.split(",")):
        raise ValueError("must be kinds of scorers by commas, such as onnx,linear")


_CHECKS: Mapping[str, Callable[[Any], object]] = {
    "dynamodb_endpoint": _check_endpoint,
    "queue_endpoint": _check_endpoint,
    "currency": Currency.of,
    "scorers": _check_scorers,
    "cursor_key": _check_cursor_key,
    "console_key": _check_cursor_key,
    "decision_log_key": _random_keys,
    "decision_log_shares": shares_of,
}
