"""Settings: read once from the environment and `.env`, checked, then frozen."""

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from dotenv import dotenv_values
from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from api.http import Tokens
from domain.decisions import Policy
from domain.errors import Rejected
from domain.retention import PurchaseRetention, Retention
from domain.values import Currency, Window
from model_registry.gates import SHIPPED

AWS = "aws"
PREFIX = "PROPENSITY_"
DOTENV = Path(".env")
_ENGINE_HOSTS = {"127.0.0.1", "localhost"}
_HTTP_PORT = 80


def _check_endpoint(value: str) -> str:
    if value != AWS and not _is_url(value):
        raise ValueError(f"must be {AWS!r} or a URL such as http://127.0.0.1:8001")
    return value


def _check_queue_endpoint(value: str) -> str:
    return _check_endpoint(value) if value else value


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return bool(parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0)
    except ValueError:  # a port beyond 65535, or half an IPv6 address
        return False


def _is_loopback(host: str | None) -> bool:
    try:
        return ip_address(host or "").is_loopback
    except ValueError:  # a name
        return host == "localhost"


def _check_currency(value: str) -> str:
    return Currency.of(value).code


def _check_cursor_key(value: SecretStr | None) -> SecretStr | None:
    try:
        Fernet(value.get_secret_value() if value else Fernet.generate_key())
    except ValueError:
        raise ValueError("must be 32 bytes in base64, such as `openssl rand -base64 32`") from None
    return value


def _check_tokens(value: SecretStr | None) -> SecretStr | None:
    Tokens.parse(value.get_secret_value() if value else "")
    return value


def _check_scorers(value: str) -> str:
    kinds = [kind.strip() for kind in value.split(",")]
    if not all(kinds):
        raise ValueError("must be kinds of scorers by commas, such as onnx,linear")
    return ",".join(kinds)


Seconds = Annotated[float, Field(gt=0, le=300)]
Probability = Annotated[float, Field(ge=0, le=1)]
Port = Annotated[int, Field(ge=1, le=65_535)]


class Settings(BaseSettings):
    """Every setting of a deployment; each is an environment variable with this prefix."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=DOTENV,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    home: Path = Field(
        default=Path(".propensity"), description="Folder for local data: engine, registry, reports."
    )
    dynamodb_endpoint: Annotated[str, AfterValidator(_check_endpoint)] = Field(
        default="http://127.0.0.1:8001",
        description="`aws`, or the URL of a DynamoDB endpoint; the default is the embedded engine's.",
    )
    region: str = Field(default="us-east-1", min_length=1, description="AWS region of the tables.")
    table_prefix: str = Field(
        default="",
        pattern=r"^[a-zA-Z0-9_.-]{0,100}$",
        description="Put before every table's name, so that deployments can share an account.",
    )
    access_key_id: str | None = Field(
        default=None,
        description="Only for endpoints that are not AWS; AWS credentials are found as by the AWS CLI.",
    )
    secret_access_key: SecretStr | None = Field(
        default=None, description="Belongs to the access key id; never printed."
    )
    currency: Annotated[str, AfterValidator(_check_currency)] = Field(
        default="USD",
        description="The one currency (ISO 4217); never change it once data is stored.",
    )
    recent_days: int = Field(
        default=30,
        ge=1,
        le=90,
        description="Days of purchases kept ready per customer; the longest window of the features.",
    )
    model: str = Field(default="purchase-propensity", description="Name of the model that serves.")
    registry: str = Field(
        default="",
        description="Folder or `s3://bucket/prefix` of the model registry; empty: `registry` under the home.",
    )
    registry_poll_s: Annotated[float, Field(ge=0.05, le=300)] = Field(
        default=1.0, description="Seconds between two looks of a server for a newer revision."
    )
    scorers: Annotated[str, AfterValidator(_check_scorers)] = Field(
        default=",".join(SHIPPED),
        description="Kinds of scorers that may run, by commas; add an installed plugin's kind to allow its code.",
    )
    banner_min_probability: Probability = Field(
        default=0.5, description="The banner is shown from this probability on."
    )
    banner_max_probability: Probability = Field(
        default=1.0, description="The banner is shown up to this probability."
    )
    read_price_per_million: float = Field(
        default=0.125,
        ge=0,
        allow_inf_nan=False,
        description="US dollars per million read units; the default is us-east-1 on-demand.",
    )
    write_price_per_million: float = Field(
        default=0.625,
        ge=0,
        allow_inf_nan=False,
        description="US dollars per million write units; the default is us-east-1 on-demand.",
    )
    host: str = Field(default="127.0.0.1", description="Address to serve on; loopback by default.")
    port: Port = Field(default=8000, description="Port to serve on.")
    connect_timeout_s: Seconds = Field(default=0.5, description="Seconds to connect to DynamoDB.")
    read_timeout_s: Seconds = Field(
        default=1.0, description="Seconds that DynamoDB may take to answer one request."
    )
    read_deadline_s: Seconds = Field(
        default=2.0, description="Seconds after which a read is no longer retried."
    )
    write_deadline_s: Seconds = Field(
        default=5.0, description="Seconds after which a write is no longer retried."
    )
    batch_deadline_s: Seconds = Field(
        default=60.0, description="Seconds that imports and training wait instead of the above."
    )
    audience_deadline_s: float = Field(
        default=600.0,
        gt=0,
        le=86_400,
        description="Seconds that a streamed audience takes at most; who is unread then is reported.",
    )
    cursor_key: Annotated[SecretStr | None, AfterValidator(_check_cursor_key)] = Field(
        default=None,
        description="32 bytes in URL-safe base64 that seal page cursors; empty: random, so that "
        "cursors survive no restart and are of no use to other servers.",
    )
    cursor_ttl_s: int = Field(
        default=3_600, ge=1, le=86_400, description="Seconds after which a page cursor expires."
    )
    management_tokens: Annotated[SecretStr | None, AfterValidator(_check_tokens)] = Field(
        default=None,
        description="Who may manage models over HTTP: ACTOR:SCOPE:SECRET, several by commas; the "
        "scope is `read` or `manage`. Empty: nobody.",
    )
    queue: str = Field(
        default="propensity-purchases",
        pattern=r"^[A-Za-z0-9_-]{1,60}(\.fifo)?$",
        description="Name of the SQS queue that `propensity worker` consumes; `.fifo` at its end for a FIFO queue.",
    )
    dead_letter_queue: str = Field(
        default="",
        pattern=r"^([A-Za-z0-9_-]{1,75}(\.fifo)?)?$",
        description="Name of the queue for what cannot be taken; empty: the queue's name and `-dead-letters`.",
    )
    queue_endpoint: Annotated[str, AfterValidator(_check_queue_endpoint)] = Field(
        default="", description="URL of an SQS endpoint, or `aws`; empty: that of DynamoDB."
    )
    queue_visibility_s: int = Field(
        default=60,
        ge=10,
        le=43_200,
        description="Seconds until another worker gets a message; a slow batch extends it.",
    )
    worker_concurrency: int = Field(
        default=4,
        ge=1,
        le=64,
        description="Batches of ten messages that a worker handles at a time.",
    )
    purchase_retention_days: int | None = Field(
        default=None,
        ge=1,
        le=36_500,
        description="Days for which purchases are kept, counted from when they were bought; empty: for ever.",
    )
    erasure_suppression_days: int = Field(
        default=30,
        ge=1,
        le=3_650,
        description="Days for which nothing of an erased customer is taken; longer than any queue keeps messages.",
    )
    connections: int = Field(
        default=32,
        ge=1,
        le=1_000,
        description="Connections to DynamoDB, and threads that use them.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="How much the server logs; never customer data."
    )

    @model_validator(mode="after")
    def _check_together(self) -> "Settings":
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key go together")
        _ = self.banner_policy  # raises where the range is empty
        _ = self.retention  # raises where purchases are dropped too early
        return self

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
            return self.access_key_id, self.secret_access_key.get_secret_value()
        local = _is_loopback(urlsplit(self.dynamodb_endpoint).hostname)
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
    def tokens(self) -> Tokens:
        """Who may manage models over HTTP."""
        given = self.management_tokens
        return Tokens.parse(given.get_secret_value() if given else "")

    @property
    def scorer_kinds(self) -> frozenset[str]:
        """The kinds of scorers that may run here."""
        return frozenset(self.scorers.split(","))

    @property
    def registry_location(self) -> str:
        """Where the model registry is."""
        return self.registry or str(self.home / "registry")


def load_settings() -> Settings:
    """The settings of this process.

    Raises:
        Rejected: a variable is not a setting, or its value is not allowed; names every one.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    given = {name.upper() for name in (*os.environ, *dotenv_values(DOTENV))}
    unknown = sorted(name for name in given - known if name.startswith(PREFIX))
    if unknown:
        raise Rejected(", ".join(unknown), "no such setting; see `propensity settings`")
    try:
        return Settings()
    except ValidationError as exc:
        fields = {_variable(error["loc"]): error["msg"] for error in exc.errors()}
        # The values stay out of the message: one of them may be a secret.
        reasons = "; ".join(f"{name} {message}" for name, message in fields.items())
        raise Rejected("settings", reasons) from None


def _variable(location: tuple[int | str, ...]) -> str:
    return PREFIX + str(location[0]).upper() if location else "together:"
