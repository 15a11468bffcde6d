"""Which tests run which functions of the packages, by coverage's contexts, and for how long.

It is the plugin of pytest that names the contexts, too. What is run while the fixtures of a test
are set up counts for every test of its file.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import coverage
import pytest

from lmmbook.ledger.slips import PACKAGES, modules, units
from tools.chapters import ROOT

TESTS = [f"tests/{package}" for package in PACKAGES]
PLAIN = "-q -o addopts= -p no:cacheprovider -p no:xdist".split()
SEEN = ROOT / "_build" / "callers.json"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    coverage.Coverage.current().switch_context(item.nodeid.partition("::")[0])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    coverage.Coverage.current().switch_context(item.nodeid)


def observe() -> dict[str, dict[str, Any]]:
    """By file of tests, the ``seconds`` of its tests and what each of them ``calls``.

    What was seen of a file is kept until it changes. A function that changes may get other callers:
    then a slip may live that a test would notice.
    """
    seen = json.loads(SEEN.read_text("utf-8")) if SEEN.exists() else {}
    files = [p for folder in TESTS for p in sorted((ROOT / folder).rglob("test_*.py"))]
    states = {p.relative_to(ROOT).as_posix(): _state(p) for p in files}
    seen = {file: data for file, data in seen.items() if data["of"] == states.get(file)}
    for file in sorted(states.keys() - seen.keys()):
        seen[file] = {"of": states[file], **watch(file)}
        SEEN.parent.mkdir(exist_ok=True)
        SEEN.write_text(json.dumps(seen), encoding="utf-8")
    return seen


def _state(path: Path) -> str:
    """What identifies a file of tests and the helpers that it may import."""
    helpers = (p for p in sorted((ROOT / "tests").rglob("*.py")) if not p.match("test_*"))
    return sha256(b"".join(p.read_bytes() for p in (path, *helpers))).hexdigest()


def watch(file: str) -> dict[str, Any]:
    """Run one file of tests, and see what its tests call and how long they take."""
    with TemporaryDirectory() as folder:
        run = ["-m", "coverage", "run", f"--data-file={folder}/seen", "--source=lmmcore,lmmbook"]
        shown = ["--durations=0", "--durations-min=0", "-p", "tools.callers"]
        command = [sys.executable, *run, "-m", "pytest", *PLAIN, *shown, file]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"error: the tests fail without any slip\n{done.stdout}{done.stderr}")
        calls = _calls(coverage.CoverageData(f"{folder}/seen"))
    seconds = re.findall(r"^([\d.]+)s call +(\S.*)$", done.stdout, re.MULTILINE)
    return {"seconds": {test: float(s) for s, test in seconds}, "calls": calls}


def _calls(data: coverage.CoverageData) -> dict[str, list[str]]:
    data.read()
    calls = defaultdict(set)
    for path in modules():
        contexts = data.contexts_by_lineno(str(path))
        for unit in units(path.read_text("utf-8")):
            for line in unit.lines:
                for test in filter(None, contexts.get(line, ())):
                    calls[test].add(unit.name)
    return {test: sorted(functions) for test, functions in calls.items()}
