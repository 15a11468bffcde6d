"""A limit on the time that a student's code may take."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

SECONDS = 5.0  # of the processor
PATIENCE = 6  # so many times as long may it take by the clock on the wall: a machine may be busy
AGAIN = 0.05  # seconds until the alarm rings once more
if hasattr(signal, "setitimer") and sys.platform != "emscripten":
    _ALARMS = (
        (signal.ITIMER_PROF, signal.SIGPROF, time.process_time),
        (signal.ITIMER_REAL, signal.SIGALRM, time.monotonic),
    )
else:
    _ALARMS = ()  # in a browser, where alarms may be set and never ring
_ENDS: list[tuple[float, float]] = []  # of the calls in progress, the outermost first


class TookTooLong(BaseException):
    """Not an Exception: an `except Exception` in the student's loop must not catch it."""


def run(function: Callable[[], Any], seconds: float | None = None) -> Any:
    """The function's value.

    Parameters
    ----------
    function : callable
    seconds : float, optional
        Of processor time, by default `SECONDS`. What sleeps is ended later, after `PATIENCE` times
        as many seconds of the clock.

    Raises
    ------
    TookTooLong
        When it is not finished in time.

    Notes
    -----
    Where the system has an alarm it is set, and after it every line of Python looks at the clocks,
    so that an `except` of everything does not catch it for good. Where there is none, in a browser
    or a thread, every line does so from the beginning. A long call into compiled code that lets no
    signal through, sum(range(10**12)) say, is the reader's to stop.
    """
    seconds = SECONDS if seconds is None else seconds
    ends = time.process_time() + seconds, time.monotonic() + PATIENCE * seconds
    if _ENDS:
        ends = min(ends[0], _ENDS[-1][0]), min(ends[1], _ENDS[-1][1])
    alarm = bool(_ALARMS) and threading.current_thread() is threading.main_thread()
    before, theirs = sys.gettrace(), []
    _ENDS.append(ends)
    try:
        if alarm:
            theirs = _take_alarms()
            _set_alarms()
        elif before is None:  # a debugger or a coverage tool keeps its own
            sys.settrace(_look_at_the_clocks)
        return function()
    finally:
        sys.settrace(before)
        _ENDS.pop()
        for (which, number, clock), (handler, rings, every) in zip(_ALARMS, theirs, strict=False):
            signal.setitimer(which, max(rings - clock(), 1e-3) if rings else 0.0, every)
            if handler not in (signal.SIG_DFL, None):  # by default a late alarm ends the program
                signal.signal(number, handler)


def _take_alarms() -> list[tuple[Any, ...]]:
    """The alarms as others have set them, in calls further out too: who answers, and when."""
    found = []
    for which, number, clock in _ALARMS:
        left, every = signal.setitimer(which, 0.0)
        rings = clock() + left if left else 0.0
        found.append((signal.signal(number, _ring), rings, every))
    return found


def _set_alarms() -> None:
    for (which, _, clock), end in zip(_ALARMS, _ENDS[-1], strict=True):
        signal.setitimer(which, max(end - clock(), 1e-3), AGAIN)


def _over() -> bool:
    return bool(_ENDS) and (time.process_time() > _ENDS[-1][0] or time.monotonic() > _ENDS[-1][1])


def _ring(number: int, frame: FrameType | None) -> None:
    if not _over():
        return
    if sys.gettrace() is None:
        sys.settrace(_look_at_the_clocks)
        while frame is not None and frame.f_code is not run.__code__:
            frame.f_trace = _look_at_the_clocks
            frame = frame.f_back
    raise TookTooLong


def _look_at_the_clocks(frame: FrameType, event: str, argument: Any) -> Any:
    if event == "line" and _over():  # in an exception's event Python would stop looking
        raise TookTooLong
    return _look_at_the_clocks
