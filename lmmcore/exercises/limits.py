"""A limit on the time that a student's code may take."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

SECONDS = 5.0
_DEADLINES: list[float] = []  # of the calls in progress, the outermost first


class TookTooLong(BaseException):
    """Not an Exception: an `except Exception` in the student's loop must not catch it."""


def run(function: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """The function's value.

    Raises
    ------
    TookTooLong
        When it is not finished in time.

    Notes
    -----
    Every line of Python looks at the clock, which works wherever Python does, in a browser too.
    Where the system has an alarm it is set as well: it also ends a long call into compiled code
    that lets signals through. One that does not, sum(range(10**12)) say, is the reader's to stop.
    """
    alarm = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    before = sys.gettrace()
    _DEADLINES.append(min([*_DEADLINES, time.monotonic() + seconds]))
    if alarm:
        handler = signal.signal(signal.SIGALRM, _ring)
        signal.setitimer(signal.ITIMER_REAL, seconds)
    if before is None:  # a debugger or a coverage tool keeps its own
        sys.settrace(_look_at_the_clock)
    try:
        return function()
    finally:
        _DEADLINES.pop()
        sys.settrace(before)
        if alarm:
            left = max(_DEADLINES[-1] - time.monotonic(), 1e-3) if _DEADLINES else 0.0
            signal.setitimer(signal.ITIMER_REAL, left)
            signal.signal(signal.SIGALRM, handler)


def _look_at_the_clock(frame: FrameType, event: str, argument: Any) -> Any:
    if _DEADLINES and time.monotonic() > _DEADLINES[-1]:
        raise TookTooLong
    return _look_at_the_clock


def _ring(number: int, frame: FrameType | None) -> None:
    raise TookTooLong
