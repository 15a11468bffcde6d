"""pytest plugin: a line for each file of tests as it is done, in place of dots."""

from __future__ import annotations

import time
from collections import Counter

import pytest


class Progress:
    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.expected: Counter[str] = Counter()
        self.outcomes: dict[str, Counter[str]] = {}
        self.seconds: Counter[str] = Counter()
        self.done = 0
        self.start = time.perf_counter()

    def expect(self, ids: list[str]) -> None:
        if not self.expected:
            self.expected.update(i.split("::")[0] for i in ids)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if session.items:  # without xdist
            self.expect([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node, ids: list[str]) -> None:
        self.expect(ids)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport):
        if report.when == "call" and report.passed and not hasattr(report, "wasxfail"):
            return "passed", "", "PASSED"
        return None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.split("::")[0]
        self.seconds[name] += report.duration
        count = self.outcomes.setdefault(name, Counter())
        if report.when == "call" or (report.when == "setup" and report.skipped):
            count[report.outcome] += 1
        elif report.failed:
            count["error"] += 1
        if report.when == "teardown":
            count["finished"] += 1
            if count["finished"] == self.expected[name]:
                self.say(name, count)

    def say(self, name: str, count: Counter[str]) -> None:
        self.done += 1
        words = [f"{count[o]} {o}" for o in ("failed", "error", "skipped", "passed") if count[o]]
        writer = self.config.get_terminal_writer()
        bad = bool(count["failed"] or count["error"])
        line = f"[{self.done}/{len(self.expected)}] {name} ... "
        line += f"{', '.join(words)}, {self.seconds[name]:.1f} s"
        writer.line(line, red=bad)
        writer.flush()


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Progress(config), "progress-by-file")
