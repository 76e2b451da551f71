"""What whoever runs calls beside serving promises."""

import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial

import psutil
import pytest

from adapters.workers import NICENESS, OwnProcess
from domain.beside import Beside
from domain.errors import Interrupted, InvalidRequest
from tests.doubles.spread import ThreadBeside

Tell = Callable[[object], object]


@pytest.fixture(params=[ThreadBeside, OwnProcess])
def beside(request: pytest.FixtureRequest) -> Beside:
    found: Beside = request.param()
    return found


def counting(most: int, tell: Tell) -> int:
    for number in range(most):
        tell(number)
    return most


def refusing(tell: Tell) -> None:
    tell("first")
    raise InvalidRequest("category", "is none")


def going_on(tell: Tell) -> None:
    while True:
        tell(os.getpid())
        time.sleep(0.01)


def lost(tell: Tell) -> None:
    tell("first")
    os.kill(os.getpid(), signal.SIGKILL)


def niceness(tell: Tell) -> int:
    del tell
    return psutil.Process().nice()


def test_the_result_comes_back_after_all_that_was_told_in_order(beside: Beside) -> None:
    told: list[object] = []
    assert beside(partial(counting, 50), tell=told.append, stopped=threading.Event()) == 50
    assert told == list(range(50))


def test_an_error_comes_back_as_it_was(beside: Beside) -> None:
    told: list[object] = []
    with pytest.raises(InvalidRequest) as caught:
        beside(refusing, tell=told.append, stopped=threading.Event())
    assert (caught.value.field, told) == ("category", ["first"])


def test_what_is_stopped_ends(beside: Beside) -> None:
    stopped = threading.Event()
    pids: list[object] = []

    def tell(pid: object) -> None:
        pids.append(pid)
        stopped.set()

    with pytest.raises(Interrupted):
        beside(going_on, tell=tell, stopped=stopped)
    assert set(pids) == {os.getpid()} or not psutil.pid_exists(int(str(pids[0])))


def test_a_process_that_is_lost_is_said_to_be() -> None:
    with pytest.raises(Interrupted, match="lost"):
        OwnProcess()(lost, tell=lambda _: None, stopped=threading.Event())


def test_a_process_of_its_own_comes_after_all_others() -> None:
    found = OwnProcess()(niceness, tell=lambda _: None, stopped=threading.Event())
    assert found == min(19, psutil.Process().nice() + NICENESS)
