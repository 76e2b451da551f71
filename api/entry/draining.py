"""SIGTERM: for a while all is answered still, and `/readyz` tells load balancers to look elsewhere."""

import asyncio
import signal
import threading
from types import FrameType

from api.http.connections import STOPPING


def drain_before_stop(drain_s: float) -> None:
    """From now on SIGTERM does what it does so many seconds later, and tells of it at once.

    Sent again it changes nothing, as systemd and a supervisor may both send it. SIGINT does not wait.
    To be called on the event loop of a process that uvicorn runs.
    """
    stop = signal.getsignal(signal.SIGTERM)
    if not drain_s or not callable(stop) or threading.current_thread() != threading.main_thread():
        return
    loop = asyncio.get_running_loop()

    def drain(number: int, _frame: FrameType | None) -> None:
        if not STOPPING.announced:
            STOPPING.announced = True
            loop.call_soon_threadsafe(loop.call_later, drain_s, stop, number, None)

    signal.signal(signal.SIGTERM, drain)
