"""The faults: what goes wrong with a deployment, and nothing else."""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx
from psutil import Process

from adapters.sqs import SqsClient, SqsOptions
from tests.loopback import PLAIN_HTTP
from tests.observe.deployment import (
    MODEL,
    READ_TIMEOUT_S,
    Deployment,
    a_purchase,
    candidate,
    loaded,
    run,
)
from tests.proxy import Hook, Instead, Request

Injected = Callable[[Deployment], AbstractContextManager[None]]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong, in words, what does it, and the panel that must show it.

    `settings` are those of its deployment.
    """

    name: str
    says: str
    shows: str
    inject: Injected
    settings: Mapping[str, str] = field(default_factory=dict)
    command: Sequence[str] = ("serve",)
    from_the_start: Hook | None = None


def refusal(code: str, **members: object) -> Instead:
    """An error of DynamoDB."""
    document = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": code, **members}
    return Instead(400, json.dumps(document).encode())


@contextmanager
def hooked(deployment: Deployment, hook: Hook) -> Iterator[None]:
    """The deployment's calls meet the hook."""
    before, deployment.hook = deployment.hook, hook
    yield
    deployment.hook = before


def at_the_store(answer: Callable[[Request, int], Instead | None]) -> Injected:
    """Each call is answered by the function, which is told the how-many-th of its operation it is."""

    def inject(deployment: Deployment) -> AbstractContextManager[None]:
        numbers: dict[str, count[int]] = {}

        def hook(request: Request) -> Instead | None:
            operation = request.operation.rpartition(".")[2]
            return answer(request, next(numbers.setdefault(operation, count())))

        return hooked(deployment, hook)

    return inject


def _is(request: Request, operation: str) -> bool:
    return request.operation.endswith(f".{operation}")


def throttled(request: Request, number: int) -> Instead | None:
    """Every third read of one item is refused for its capacity."""
    if _is(request, "GetItem") and number % 3 == 0:
        return refusal("ProvisionedThroughputExceededException")
    return None


def slow(_: Request, __: int) -> None:
    """Each answer takes so long that a prediction is late."""
    time.sleep(0.5)


def silent(_: Request, __: int) -> Instead:
    """No answer within the time that a caller waits."""
    time.sleep(2 * READ_TIMEOUT_S)
    return refusal("InternalServerError")


def refused(request: Request, _: int) -> Instead | None:
    """The role may not read any more."""
    return refusal("AccessDeniedException") if _is(request, "GetItem") else None


def unprocessed(request: Request, number: int) -> Instead | None:
    """Every other batch comes back unread."""
    if _is(request, "BatchGetItem") and number % 2 == 0:
        left = json.loads(request.body)["RequestItems"]
        return Instead(200, json.dumps({"Responses": {}, "UnprocessedKeys": left}).encode())
    return None


def conflicting(request: Request, number: int) -> Instead | None:
    """Every other transaction meets another one."""
    if _is(request, "TransactWriteItems") and number % 2 == 0:
        items = json.loads(request.body)["TransactItems"]
        reasons = [{"Code": "TransactionConflict"}, *({"Code": "None"} for _ in items[1:])]
        return refusal("TransactionCanceledException", CancellationReasons=reasons)
    return None


def far_away(_: Request) -> None:
    """A store of 20 ms, so that a place is taken for a while."""
    time.sleep(0.02)


@contextmanager
def a_version_that_servers_refuse(deployment: Deployment) -> Iterator[None]:
    """Promoted where its kind of scorer may run, which is not where the server runs."""
    scorer: dict[str, object] = {
        "kind": "linear",
        "options": {"coefficients": [0.0], "intercept": 0.0},
    }
    here = deployment.environment | {"PROPENSITY_SCORERS": "constant,linear"}
    folder = candidate(deployment.home / "unknown-here", scorer, 0.5)
    run(here, "models", "register", MODEL, folder, home=deployment.home)
    run(here, "models", "promote", MODEL, "2", "--reason", "fault", home=deployment.home)
    yield


@contextmanager
def the_registry_is_gone(deployment: Deployment) -> Iterator[None]:
    """Its folder, as of a disk that is no longer mounted."""
    registry = Path(deployment.environment["PROPENSITY_REGISTRY"])
    shutil.move(registry, registry.with_name("unmounted"))
    yield


@contextmanager
def a_crowd(deployment: Deployment) -> Iterator[None]:
    """More page views than there are places for."""
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(loaded(deployment, pause_s=0.05))
        yield


@contextmanager
def _repeated(act: Callable[[], object], every_s: float) -> Iterator[None]:
    stopped = threading.Event()

    def repeat() -> None:
        while not stopped.wait(every_s):
            act()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


@contextmanager
def no_processor(deployment: Deployment) -> Iterator[None]:
    """Its processes are stopped for two thirds of the time, as where others take the processor."""
    serving = [
        child
        for child in Process(deployment.process.pid).children()
        if "spawn_main" in " ".join(child.cmdline())
    ]

    def starve() -> None:
        for each in serving:
            each.suspend()
        time.sleep(0.6)
        for each in serving:
            each.resume()

    with _repeated(starve, 0.3):
        yield


@contextmanager
def a_wrong_client(deployment: Deployment) -> Iterator[None]:
    """Somebody asks for what is not there, over and over."""
    nowhere = f"{deployment.address}/v1/customer/c1"
    with (
        httpx.Client(verify=PLAIN_HTTP, timeout=10) as http,
        _repeated(lambda: http.get(nowhere), 0.05),
    ):
        yield


@contextmanager
def a_wrong_producer(deployment: Deployment) -> Iterator[None]:
    """Purchases without an amount."""
    wrong = {**a_purchase("c1", "wrong"), "amount_minor": None}
    with (
        httpx.Client(verify=PLAIN_HTTP, timeout=10) as http,
        _repeated(
            lambda: http.post(f"{deployment.address}/v1/purchases", json={"purchases": [wrong]}),
            0.2,
        ),
    ):
        yield


def send(deployment: Deployment, body: str) -> None:
    """A message into the deployment's queue."""
    options = SqsOptions(
        endpoint=deployment.environment["PROPENSITY_QUEUE_ENDPOINT"],
        region="us-east-1",
        credentials=("local", "local"),
        threads=1,
    )
    client = SqsClient(options)
    name = deployment.environment["PROPENSITY_QUEUE"]
    url = client.sqs.get_queue_url(QueueName=name)["QueueUrl"]
    client.sqs.send_message(QueueUrl=url, MessageBody=body)
    client.close()


@contextmanager
def a_message_that_nobody_can_take(deployment: Deployment) -> Iterator[None]:
    """It is no JSON."""
    send(deployment, "not a purchase")
    yield


@contextmanager
def killed(deployment: Deployment) -> Iterator[None]:
    """As by the kernel, where memory runs out."""
    deployment.process.kill()
    deployment.process.wait(60)
    yield


def nothing(_: Deployment) -> AbstractContextManager[None]:
    """All is well."""
    return nullcontext()


FAULTS = (
    Fault(name="nothing", says="Nothing", shows="", inject=nothing),
    Fault(
        name="throttled",
        says="Reads are throttled",
        shows="Calls that are throttled",
        inject=at_the_store(throttled),
    ),
    Fault(
        name="slow",
        says="The store is slow",
        shows="Predictions slower than 128 ms",
        inject=at_the_store(slow),
    ),
    Fault(
        name="silent",
        says="The store is down",
        shows="Calls that get no answer",
        inject=at_the_store(silent),
    ),
    Fault(
        name="refused",
        says="The role lost its rights",
        shows="Calls that are refused",
        inject=at_the_store(refused),
    ),
    Fault(
        name="unprocessed",
        says="Batches come back unread",
        shows="Keys left for later",
        inject=at_the_store(unprocessed),
    ),
    Fault(
        name="conflicts",
        says="Writers meet",
        shows="Calls that meet another transaction",
        inject=at_the_store(conflicting),
    ),
    Fault(
        name="version",
        says="A promoted version does not load",
        shows="Revisions behind the registry",
        inject=a_version_that_servers_refuse,
        settings={"SCORERS": "constant"},
    ),
    Fault(
        name="registry",
        says="The registry is gone",
        shows="What could not be loaded",
        inject=the_registry_is_gone,
    ),
    Fault(
        name="overload",
        says="Too many requests",
        shows="Requests shed",
        inject=a_crowd,
        settings={"REQUESTS_IN_WORK": "1", "REQUESTS_WAITING": "1"},
        from_the_start=far_away,
    ),
    Fault(
        name="starved",
        says="The processor is taken by others",
        shows="Event loop comes late",
        inject=no_processor,
        command=("serve", "--workers", "2"),
    ),
    Fault(
        name="client",
        says="A client asks for what is not there",
        shows="Requests that are wrong",
        inject=a_wrong_client,
    ),
    Fault(
        name="producer",
        says="A producer sends wrong purchases",
        shows="Purchases that are refused",
        inject=a_wrong_producer,
    ),
    Fault(
        name="dead-letter",
        says="A message that cannot be taken",
        shows="Dead letters",
        inject=a_message_that_nobody_can_take,
        command=("worker",),
    ),
    Fault(
        name="killed",
        says="The worker is killed",
        shows="Targets that do not answer",
        inject=killed,
        command=("worker",),
    ),
)
