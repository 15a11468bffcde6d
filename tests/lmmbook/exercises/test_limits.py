"""Limits of time on what a student's code may do."""

import importlib.util
import os
import signal
import sys
import threading
import time
import types

import pytest

from lmmbook.exercises import limits

LONG = 8  # seconds, after which even what is endless ends


def loop():
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        pass


def catching_all():
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        try:
            time.sleep(0.001)
        except:  # noqa: E722, as students write it
            time.sleep(0.001)


def going_on():
    end = time.monotonic() + LONG
    while True:
        try:
            loop()
        finally:
            if time.monotonic() > end:
                return  # noqa: B012
            continue  # noqa: B012


def asleep():
    time.sleep(LONG)


def work(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return "done"


@pytest.fixture(autouse=True)
def nothing_is_left():
    found = signal.getsignal(signal.SIGALRM), sys.gettrace()
    yield
    assert limits._ENDS == []
    left = signal.getsignal(signal.SIGALRM), sys.gettrace()
    assert left == found or found[0] in (signal.SIG_DFL, None)
    os.kill(os.getpid(), signal.SIGPROF)  # one that comes late does nothing
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


@pytest.mark.parametrize("endless", [loop, catching_all, going_on, asleep])
def test_it_is_ended(endless):
    with pytest.raises(limits.TookTooLong):
        limits.run(endless, 0.2)


def test_its_own_value_or_error():
    assert limits.run(lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        limits.run(lambda: 1 / 0)


def test_what_takes_less_is_not_ended():
    assert limits.run(lambda: work(0.1), 5) == "done"


def test_the_clock_on_the_wall_has_patience(monkeypatch):
    monkeypatch.setattr(limits, "PATIENCE", 2)
    begin = time.monotonic()
    with pytest.raises(limits.TookTooLong):
        limits.run(asleep, 0.2)
    assert 0.4 <= time.monotonic() - begin < LONG


def alarms_of(monkeypatch, platform, timers):
    """The alarms that the module takes on another platform."""
    monkeypatch.setattr(sys, "platform", platform)
    if not timers:
        monkeypatch.delattr(signal, "setitimer")
    again = types.ModuleType("lmmbook.exercises.limits")
    importlib.util.find_spec(limits.__name__).loader.exec_module(again)
    monkeypatch.undo()
    return again._ALARMS


def test_there_are_alarms_where_the_system_has_them_and_they_ring(monkeypatch):
    assert alarms_of(monkeypatch, "linux", timers=True) == limits._ALARMS != ()
    assert alarms_of(monkeypatch, "win32", timers=False) == ()
    assert alarms_of(monkeypatch, "emscripten", timers=True) == ()


@pytest.mark.parametrize("patience", [6, 1000])
def test_one_within_another(patience, monkeypatch):
    monkeypatch.setattr(limits, "PATIENCE", patience)

    def inner():
        with pytest.raises(limits.TookTooLong):
            limits.run(loop, 0.1)
        return "went on"

    assert limits.run(inner, 30) == "went on"
    with pytest.raises(limits.TookTooLong):
        limits.run(lambda: limits.run(loop, 30), 0.1)


def test_an_alarm_of_others_still_rings():
    rung = []
    theirs = signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    left, every = signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        limits.run(lambda: time.sleep(0.1), 5)
        assert not rung and 0 < signal.getitimer(signal.ITIMER_REAL)[0] < 0.25
        time.sleep(0.02)
        assert not rung
        time.sleep(0.5)
        assert rung == [1]
    finally:
        signal.signal(signal.SIGALRM, theirs)
        signal.setitimer(signal.ITIMER_REAL, left, every)


def test_waiting_is_not_working(monkeypatch):
    """A machine that is busy with something else takes nobody's time away."""
    monkeypatch.setattr(limits, "PATIENCE", 100)
    limits.run(lambda: time.sleep(0.5), 0.1)


def test_in_a_thread():
    found = []

    def ended():
        try:
            limits.run(loop, 0.1)
        except limits.TookTooLong:
            found.append("ended")

    thread = threading.Thread(target=ended, daemon=True)
    thread.start()
    thread.join(60)
    assert found == ["ended"]
