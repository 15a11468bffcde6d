"""A pytest plugin: which test calls which functions of lmmcore, and how long each test takes.

What is called while the fixtures of a test are set up counts for every test of its file.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

PACKAGE = str(Path(__file__).resolve().parents[1] / "lmmcore")
calls: dict[str, set[str]] = defaultdict(set)  # test or file: functions
seconds: dict[str, float] = {}


def _recorder(into: set[str]):
    def record(frame, event, _):
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PACKAGE):
            module = code.co_filename[len(PACKAGE) + 1 :]
            into.add(f"{module}:{code.co_qualname.replace('.<locals>', '')}")

    return record


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    sys.setprofile(_recorder(calls[item.nodeid.partition("::")[0]]))
    try:
        return (yield)
    finally:
        sys.setprofile(None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    begin = time.perf_counter()
    sys.setprofile(_recorder(calls[item.nodeid]))
    try:
        return (yield)
    finally:
        sys.setprofile(None)
        seconds[item.nodeid] = time.perf_counter() - begin


def pytest_sessionfinish():
    data = {"calls": {k: sorted(v) for k, v in calls.items()}, "seconds": seconds}
    Path(os.environ["LMMCORE_CALLERS"]).write_text(json.dumps(data), encoding="utf-8")
