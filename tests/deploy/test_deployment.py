"""The stacks on the embedded engine: every process runs as its task says, within its role."""

import json
import os
import re
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from string import ascii_letters, digits
from typing import Any

import httpx
import pytest

from adapters.decision_log.places import ERASURES, folder_of, hour_of
from adapters.embedded import EmbeddedEngine
from adapters.erasure_marks import BEGUN, FINISHED, mark_key
from adapters.listening import HOST, free_port
from domain.values import instant
from tests.aws_actions import Grants
from tests.cli.conftest import purchases, write_csv
from tests.conftest import LOCAL_CREDENTIALS
from tests.deploy.recording import Recording, recording
from tests.deploy.stacks import REGION, SERVICES, aws, create
from tests.deploy.templates import SERVICE, STORE
from tests.e2e.test_connections import PROPENSITY, Server, await_listening
from tests.loopback import PLAIN_HTTP

pytestmark = [pytest.mark.engine, pytest.mark.full, pytest.mark.early(120)]
CATEGORY = "jewellery"
TASKS = {
    "Server": "service-server",
    "Worker": "service-worker",
    "Trainer": "service-trainer",
    "Marketer": "service-audience",
    "Upkeep": "service-upkeep",
}
ROLES = (*TASKS, "Operator")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngine]:
    """An engine of these tests alone, with all that the templates need."""
    engine = EmbeddedEngine(tmp_path_factory.mktemp("aws"), free_port(), services=SERVICES)
    engine.start()
    yield engine
    engine.stop()


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """The stacks, and a way of its own to the engine for each role."""

    engine: EmbeddedEngine
    folder: Path
    store: Mapping[str, str]
    service: Mapping[str, str]
    recordings: Mapping[str, Recording]

    def task(self, family: str) -> dict[str, Any]:
        """The container of a task definition, as ECS has it."""
        found = aws(self.engine, "ecs").describe_task_definition(taskDefinition=family)
        (container,) = found["taskDefinition"]["containerDefinitions"]
        return dict(container)

    def environment(self, role: str) -> dict[str, str]:
        """What a task is told, but for the address of AWS; people say what servers are told."""
        container = self.task(TASKS.get(role, "service-server"))
        told = {each["name"]: each["value"] for each in container["environment"]}
        # Fargate reads a server's key before the server has its role. Operators read it in theirs.
        if (reader := {"Server": "Nobody", "Operator": "Operator"}.get(role)) is not None:
            client = aws(self.engine, "secretsmanager", self.recordings[reader].address)
            key = client.get_secret_value(SecretId=self.store["DecisionLogKey"])["SecretString"]
            told["PROPENSITY_DECISION_LOG_KEY"] = key
        address = self.recordings[role].address
        return {
            **{name: value for name, value in os.environ.items() if "PROPENSITY" not in name},
            **told,
            "PROPENSITY_DYNAMODB_ENDPOINT": address,
            "PROPENSITY_READ_TIMEOUT_S": "20",
            "PROPENSITY_READ_DEADLINE_S": "30",
            "PROPENSITY_DRAIN_S": "0",  # nobody else is to notice the stop
            "PROPENSITY_HOME": str(self.folder / role),
            "AWS_ENDPOINT_URL": address,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": LOCAL_CREDENTIALS[0],
            "AWS_SECRET_ACCESS_KEY": LOCAL_CREDENTIALS[1],
        }

    def target(self, family: str) -> dict[str, Any]:
        """What the schedule of a task definition starts."""
        scheduler = aws(self.engine, "scheduler")
        names = [each["Name"] for each in scheduler.list_schedules()["Schedules"]]
        targets = [scheduler.get_schedule(Name=name)["Target"] for name in names]
        (found,) = (
            each for each in targets if family in each["EcsParameters"]["TaskDefinitionArn"]
        )
        return dict(found)

    def run(self, role: str, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
        """What a command prints that runs within a role."""
        done = subprocess.run(
            [PROPENSITY, *arguments],
            cwd=self.folder,
            env=self.environment(role),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode in codes, (arguments, done.stderr)
        return done.stdout


@pytest.fixture(scope="module")
def deployed(
    engine: EmbeddedEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    """A deployment that has lived: every process has done all that it does."""
    with ExitStack() as stack:
        built = Deployed(
            engine=engine,
            folder=tmp_path_factory.mktemp("deployment"),
            store=create(engine, "store", STORE),
            service=create(engine, "service", SERVICE),
            recordings={
                role: stack.enter_context(recording(engine.port)) for role in (*ROLES, "Nobody")
            },
        )
        # The engine's CloudFormation makes the key of punctuation too, and leaves TTL off.
        key = "".join(secrets.choice(ascii_letters + digits) for _ in range(43))
        aws(engine, "secretsmanager").put_secret_value(
            SecretId=built.store["DecisionLogKey"], SecretString=key
        )
        built.run("Nobody", "tables", "create")
        first_day(built)
        serving(built)
        working(built)
        marketing(built)
        operating(built)
        keeping_up(built)
        yield built


def first_day(built: Deployed) -> None:
    """Keys, purchases and a model, in the order of the page."""
    built.run("Operator", "tables", "check")
    path = write_csv(built.folder / "purchases.csv", purchases(60))
    built.run("Operator", "import", str(path))
    built.run("Trainer", "train", "--features", "rfm_90d")
    built.run("Trainer", "training-set", "--output", "set.parquet")
    exports = f"s3://{built.store['FilesBucket']}/exports"
    built.run("Nobody", "db", "export", exports)  # DynamoDB's own work
    built.run("Trainer", "train", "--features", "rfm_90d", "--export", exports)
    built.run("Trainer", "models", "promote", "purchase-propensity", "1", "--reason", "first")


def a_purchase(customer: str, purchase: str, days_ago: int) -> dict[str, object]:
    at = int(time.time() - days_ago * 86_400) * 1_000_000
    return {
        "customer_id": customer,
        "purchase_id": purchase,
        "purchased_at": instant.render(at),
        "category": CATEGORY,
        "amount_minor": 1250,
        "currency": "USD",
    }


def a_refund(customer: str, purchase: str) -> dict[str, object]:
    return {
        "customer_id": customer,
        "purchase_id": purchase,
        "refund_id": "r1",
        "refunded_at": instant.render(int(time.time()) * 1_000_000),
        "amount_minor": 1,
        "currency": "USD",
    }


def serving(built: Deployed) -> None:
    """A server as its task runs it, on loopback; every route that its role is for."""
    scopes = ("record", "predict", "audience", "erase", "decide", "models:read")
    asked = [part for scope in scopes for part in ("--scope", scope)]
    key = built.run("Operator", "keys", "create", "shop", *asked).strip()
    command = built.task("service-server")["command"]
    assert command[:3] == ["serve", "--host", "0.0.0.0"]  # noqa: S104  # not here
    port = free_port()
    command = [PROPENSITY, "serve", "--host", HOST, "--port", str(port), *command[3:]]
    environment = built.environment("Server")
    aws(built.engine, "s3").put_object(  # so that an erasure marks it
        Bucket=built.store["RegistryBucket"],
        Key="registry/campaigns/spring/creations/000001/claim.json",
        Body=b'{"name": "spring", "number": 1, "owner": "tests", "at": 0}',
    )
    with subprocess.Popen(command, cwd=built.folder, env=environment) as process:
        server = Server(process, port)
        try:
            await_listening(server)
            ask(f"http://{HOST}:{port}", key)
        finally:
            server.stop()


def ask(address: str, key: str) -> None:
    """New and old purchases, refunds and cancellations; every kind of answer."""
    with httpx.Client(
        base_url=address, headers={"X-API-Key": key}, verify=PLAIN_HTTP, timeout=60
    ) as http:

        def post(path: str, body: object) -> None:
            answer = http.post(path, json=body)
            assert answer.is_success, (path, answer.text)

        def get(path: str, **headers: str) -> None:
            answer = http.get(path, headers=headers)
            assert answer.is_success, (path, answer.text)

        bought = [a_purchase("h1", f"p{days}", days) for days in (1, 2, 200, 400)]
        for _ in range(2):  # the second time they are duplicates
            post("/v1/purchases", {"purchases": bought})
        post("/v1/purchases", {"purchases": [bought[0] | {"amount_minor": 1}]})
        for purchase in ("p1", "p200", "later"):
            post("/v1/refunds", a_refund("h1", purchase))
        post("/v1/purchases", {"purchases": [a_purchase("h1", "later", 3)]})
        for purchase in ("p1", "p400", "never"):
            post("/v1/cancellations", {"customer_id": "h1", "purchase_id": purchase})
        get("/v1/customers/c1/propensity")
        get("/v1/customers/h1/propensity?explain=true")
        get("/v1/customers/h1/propensity?as_of=2026-06-30T00:00:00Z")
        get("/v1/categories")
        get(f"/v1/categories/{CATEGORY}/propensities?limit=10")
        for way in ("batch", "scan", "by_time"):
            path = f"/v1/categories/{CATEGORY}/propensities?way={way}"
            get(path, Accept="application/x-ndjson")
        get("/readyz")
        get("/v1/models")
        get("/v1/models/purchase-propensity/versions/1")
        get("/v1/models/purchase-propensity/revisions")
        get("/v1/models/purchase-propensity/status")
        get("/v2/models/purchase-propensity")
        post("/ofrep/v1/evaluate/flags", {"context": {"targetingKey": "h1"}})
        post("/v1/erasures", {"customer_id": "h1"})
        time.sleep(2.5)  # the keys are polled and their use is noted, each second


def working(built: Deployed) -> None:
    """The worker's task, until the queue is empty."""
    sqs = aws(built.engine, "sqs")
    url = sqs.get_queue_url(QueueName=built.store["PurchasesQueue"])["QueueUrl"]
    waves: list[list[object]] = [
        [
            a_purchase("w1", "p1", 1),
            a_purchase("w1", "p300", 300),
            a_purchase("w1", "p1", 1),
            a_purchase("w1", "p1", 2),
            {"cancelled": {"customer_id": "w1", "purchase_id": "p300"}},
            {"cancelled": {"customer_id": "w1", "purchase_id": "never"}},
            {"refunded": a_refund("w1", "p1")},
            {"refunded": a_refund("w1", "later")},
            a_purchase("w1", "later", 3),
            "nothing",
        ],
        [{"cancelled": {"customer_id": "w1", "purchase_id": "p1"}}],
    ]
    command = [PROPENSITY, *built.task("service-worker")["command"]]
    environment = built.environment("Worker") | {
        "PROPENSITY_QUEUE_VISIBILITY_S": "10",
        "PROPENSITY_METRICS_PORT": str(free_port()),  # then it asks what the queues hold
    }
    # So slow that the batch must be hidden from other workers for longer.
    built.recordings["Worker"].slow["DynamoDB_20120810.TransactWriteItems"] = 6
    with subprocess.Popen(command, cwd=built.folder, env=environment) as process:
        for bodies in waves:
            for body in bodies:
                sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))
            end = time.monotonic() + 60
            while time.monotonic() < end and any(waiting(sqs, url)):
                time.sleep(0.2)  # polls another process
            assert waiting(sqs, url) == (0, 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert len(json.loads(built.run("Operator", "worker", "dead-letters", "list", "--json"))) == 2


def waiting(sqs: Any, url: str) -> tuple[int, int]:
    """Messages that wait, and that somebody works on."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return int(found[names[0]]), int(found[names[1]])


def marketing(built: Deployed) -> None:
    """What the schedule runs, and what a person runs."""
    (override,) = json.loads(built.target("service-audience")["Input"])["containerOverrides"]
    command = [
        part.replace("<aws.scheduler.scheduled-time>", "2026-11-30T04:00:00Z")
        for part in override["command"]
    ]
    built.run("Marketer", *command)
    for way in ("batch", "scan", "by_time"):
        built.run("Marketer", "audience", CATEGORY, "--way", way)
    parts = f"s3://{built.store['FilesBucket']}"
    built.run("Marketer", "audience", CATEGORY, "--workers", "1", "--parts", parts)
    built.run("Marketer", "campaign", "create", "autumn", "--category", CATEGORY)
    built.run("Marketer", "campaign", "export", "autumn")
    built.run("Marketer", "campaign", "results", "autumn")


def operating(built: Deployed) -> None:
    """The commands of the pages on operation."""

    def run(*arguments: str, codes: tuple[int, ...] = (0,)) -> str:
        return built.run("Operator", *arguments, codes=codes)

    run("doctor")
    run("decisions", "list")
    run("replay", "--sample", "10")
    run("outcomes", "purchase-propensity", codes=(0, 4))  # 4: no horizon has passed
    run("predict", "c1")
    run("verify", "--sample", "5")
    run("rebuild", "--customer", "c1")
    run("rebuild")
    run("categories", "list")
    run("categories", "spread", CATEGORY, "--partitions", "32", "--yes")
    run("models", "promote", "purchase-propensity", "2", "--reason", "second")
    run("models", "rollback", "purchase-propensity", "--reason", "drill")
    run("models", "status", "purchase-propensity")
    run("refund", "c2", "p19", "r1", "1.00")
    run("cancel", "c2", "p19")
    run("cancel", "c2", "never")
    run("export-customer", "c3")
    aws(built.engine, "s3").put_object(  # of an erasure long ago
        Bucket=built.store["RegistryBucket"],
        Key=f"registry/campaign-erasures/{'0' * 32}/01772366400000000-finished",
        Body=b"{}",
    )
    run("erase", "c4", "--yes")
    (key,) = json.loads(run("keys", "list", "--json"))["keys"]
    run("keys", "rotate", key["key_id"])
    run("keys", "revoke", key["key_id"], "--yes")
    run("worker", "dead-letters", "replay")
    run("audit", "--json")


def keeping_up(built: Deployed) -> None:
    """What the schedule runs, on two files of an hour that is over and an erasure of that time."""
    s3, bucket = aws(built.engine, "s3"), built.store["DecisionsBucket"]
    logged = s3.list_objects_v2(Bucket=bucket, Prefix="log/decisions/")["Contents"][0]["Key"]
    at = (int(time.time()) - 86_400) * 1_000_000
    for name in ("00000000-000001", "00000000-000002"):
        copy = f"log/{folder_of(hour_of(at))}{name}.parquet"
        s3.copy_object(Bucket=bucket, Key=copy, CopySource={"Bucket": bucket, "Key": logged})
    for what in (BEGUN, FINISHED):
        s3.put_object(
            Bucket=bucket, Key=f"log/{mark_key(ERASURES, 'nobody', at, what)}", Body=b"{}"
        )
    assert "Input" not in built.target("service-upkeep")
    command = built.task("service-upkeep")["command"]
    first = json.loads(built.run("Upkeep", *command, "--json"))
    assert (first["hours_merged"], first["erasures_done"]) == (1, 1)
    assert first["erasures_left"] > 0  # those of the server and the operator, just now
    built.run("Upkeep", *command)


def granted(built: Deployed, role: str) -> Grants:
    """Action and resource, or a pattern of resources, of the role as IAM has it."""
    iam = aws(built.engine, "iam")
    name = built.store[f"{role}Role"].rpartition("/")[2]
    found: Grants = set()
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        for statement in document["Statement"]:
            assert statement["Effect"] == "Allow"
            resources = statement["Resource"]
            for resource in [resources] if isinstance(resources, str) else resources:
                short = re.sub(r"^arn:aws:\w+:[\w-]*:\d*:(table/)?", "", resource)
                found |= {(action, short) for action in statement["Action"]}
    return found


OF_FLAGS = "/flag-results/*"
"""Kept by `flags results`, of a flag that holds customers out; this deployment has none."""


def test_each_role_grants_what_its_processes_ask(deployed: Deployed) -> None:
    """One test of all roles: each process that has a part of them would make the deployment anew."""
    for role in ROLES:
        asked, grants = deployed.recordings[role].asked, granted(deployed, role)
        refused = {
            (action, resource)
            for action, resource in asked
            if not any(action == a and fnmatchcase(resource, r) for a, r in grants)
        }
        unused = {
            (action, resource)
            for action, resource in grants
            if not any(action == a and fnmatchcase(r, resource) for a, r in asked)
            and not resource.endswith(OF_FLAGS)
        }
        assert (role, sorted(refused), sorted(unused)) == (role, [], [])
