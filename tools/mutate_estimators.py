"""Make the code wrong in one place at a time, and see the tests go red.

    make mutate                        every function that has changed since its slips were tried
    make mutate MODULE=profile         those of one module
    make mutate SAMPLE=200             that many slips of the accounts again: is it still as said?

A slip (lmmbook/ledger/slips.py) is killed when a test fails, raises or takes far too long. It meets
a few quick tests that call its function, of many files, and if it survives them, forty seconds of
all that call it, so that a slip may be said to live that a slow test would notice. What is alive
either changes nothing, and then the reason is to be written beside it in
lmmbook/ledger/slips.json, or asks for a test. The ledger page is made from that file.
"""

from __future__ import annotations

import gc
import importlib
import importlib.abc
import importlib.util
import json
import os
import random
import resource
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from lmmbook.ledger.slips import Slip, Unit, modules, units
from tools import callers
from tools.chapters import ROOT, settle_environment

ACCOUNTS = ROOT / "lmmbook" / "ledger" / "slips.json"
OURS = tuple(f"{ROOT}/{folder}/" for folder in ("lmmcore", "lmmbook", "tests"))
WARM = """pytest hypothesis.extra.numpy nbval.plugin numpy pandas scipy.linalg scipy.optimize
scipy.sparse.linalg scipy.stats scipy.integrate sympy formulae autograd matplotlib.pyplot"""
JUDGES = "tests/lmmbook/exercises/test_exercises.py"
FIRST = 25  # tests of the first round
QUICK, LONG = 3.0, 40.0  # seconds that the tests of a round take
SPARE = 60  # seconds of processor time, besides ten times what the tests take


@dataclass(frozen=True)
class Tests:
    """Which tests call which function, and how long they take."""

    by_function: dict[str, set[str]]
    seconds: dict[str, float]

    @classmethod
    def of_files(cls, seen: dict[str, Any]) -> Tests:
        """From what `tools.callers.observe` saw."""
        by_function, seconds = defaultdict(set), {}
        for data in seen.values():
            seconds |= data["seconds"]
            for caller, functions in data["calls"].items():
                tests = {caller} if "::" in caller else set(data["seconds"])
                for function in functions:
                    by_function[function] |= tests
        return cls(by_function, seconds)

    def rounds(self, path: Path, unit: Unit) -> list[list[str]]:
        """A few quick tests of many files, then all that call it, for ``LONG`` seconds.

        What is run on import has no callers, nor has a new function: they meet the tests of all
        files that call anything of their module. Of a test with parameters the quickest come first,
        the others after all tests.
        """
        tests = self.by_function.get(unit.name, set())
        if not tests:
            beside = (self.by_function.get(x.name, ()) for x in units(path.read_text("utf-8")))
            files = {test.partition("::")[0] for test in chain(*beside)}
            tests = {test for test in self.seconds if test.partition("::")[0] in files}
        if "exercises" not in path.parts:  # they cost seconds to collect, and test judges
            tests = {test for test in tests if not test.startswith(JUDGES)}
        kinds: dict[str, str] = {}
        for test in sorted(tests, key=self.order):
            kinds.setdefault(test.partition("[")[0], test)
        by_file = defaultdict(list)
        for test in kinds.values():
            by_file[test.partition("::")[0]].append(test)
        mixed = filter(None, chain.from_iterable(zip_longest(*by_file.values())))
        rest = sorted(tests - set(kinds.values()), key=self.order)
        return [self.within(QUICK, mixed)[:FIRST], self.within(LONG, [*kinds.values(), *rest])]

    def within(self, seconds: float, tests: Iterable[str]) -> list[str]:
        """As many of the tests, at least one, as take so long together."""
        chosen, spent = [], 0.0
        for test in tests:
            if not chosen or spent + self.seconds[test] < seconds:
                chosen.append(test)
                spent += self.seconds[test]
        return chosen

    def order(self, test: str) -> tuple[float, str]:
        return self.seconds[test], test

    def cost(self, tests: list[str]) -> float:
        """Seconds that the tests take without a slip."""
        return sum(self.seconds[test] for test in tests)


@dataclass(frozen=True)
class Trial:
    """A slip, where it stands, and the rounds of tests it meets, with the seconds they take."""

    path: Path
    unit: Unit
    slip: Slip
    rounds: list[tuple[list[str], float]]

    def survives(self) -> bool:
        text = self.slip.apply(self.path.read_text("utf-8"))
        return not any(killed(self.path, text, tests, cost) for tests, cost in self.rounds)

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}, {self.unit.name or 'module'}: {self.slip}"


class Wrong(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from another text."""

    def __init__(self, name: str, path: Path, text: str) -> None:
        self.name, self.path, self.text = name, path, text

    def find_spec(self, name, path=None, target=None):
        if name != self.name:
            return None
        package = [str(self.path.parent)] if self.path.name == "__init__.py" else None
        spec = importlib.util.spec_from_loader(name, self, origin=str(self.path))
        spec.submodule_search_locations = package
        spec.has_location = True
        return spec

    def exec_module(self, module):
        exec(compile(self.text, str(self.path), "exec"), module.__dict__)


def killed(path: Path, text: str, tests: list[str], seconds: float = 0.0) -> bool:
    """Whether the tests fail, in a process of their own, with this text in the module's place.

    ``seconds`` is what they take without a slip: with a minute and ten times that, they hang.
    """
    limit = int(SPARE + 10 * seconds)
    child = os.fork()
    if child == 0:
        try:
            _run_tests(path, text, tests, limit)
        finally:
            os._exit(3)
    begin = time.monotonic()
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status != 0
        if time.monotonic() - begin > 10 * limit:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return True
        time.sleep(0.01)


def _run_tests(path: Path, text: str, tests: list[str], limit: int) -> None:
    import pytest

    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    # what the parent has imported already would be met instead of the slip
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if file.startswith(OURS):
            del sys.modules[name]
    name = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    sys.meta_path.insert(0, Wrong(name.removesuffix(".__init__"), path, text))
    options = "-x -q -o addopts= -o timeout=0 -p no:cacheprovider -p no:xdist -p no:anyio".split()
    os._exit(int(pytest.main([*options, "--no-header", "--tb=no", "--assert=plain", *tests])))


def warm() -> None:
    """Import once, before the processes are forked, what the tests import besides our packages."""
    for name in WARM.split():
        importlib.import_module(name)
    gc.freeze()  # pytest collects garbage twice a run: two thirds of the time of a quick one


def trials(path: Path, unit: Unit, tests: Tests) -> list[Trial]:
    rounds = [(found, tests.cost(found)) for found in tests.rounds(path, unit) if found]
    return [Trial(path, unit, slip, rounds) for slip in unit.slips]


def main(names: list[str], sample: int) -> int:
    settle_environment()
    os.chdir(ROOT)
    paths = [path for path in modules() if not names or path.stem in names]
    found = [(path, unit) for path in paths for unit in units(path.read_text("utf-8"))]
    if not found:
        sys.exit(f"error: no module with code to try is called {' or '.join(names)}")
    accounts = json.loads(ACCOUNTS.read_text("utf-8"))
    done = [x for x in found if is_settled(accounts.get(x[1].key))]
    print(f"{len(done)} of {len(found)} functions are as when they were tried", flush=True)
    tests = Tests.of_files(callers.observe())
    warm()
    with ProcessPoolExecutor(2) as pool:
        if sample:
            again = [trial for path, unit in done for trial in trials(path, unit, tests)]
            return judge_again(random.Random(sample).sample(again, sample), accounts, pool)
        open_ = sum(
            judge(trials(path, unit, tests), accounts, pool)
            for path, unit in found
            if (path, unit) not in done
        )
    if not names:
        write({unit.key: accounts[unit.key] for _, unit in found})
    return int(open_ > 0)


def is_settled(account: dict[str, Any] | None) -> bool:
    """Whether the slips were tried, and whatever is alive has its reason."""
    return account is not None and all(account.get("alive", {}).values())


def judge(tried: list[Trial], accounts: dict[str, Any], pool: ProcessPoolExecutor) -> int:
    """Enter the account of one function; how many of its slips are alive without a reason.

    The reason that a slip had before its function changed is kept: read it again.
    """
    unit = tried[0].unit
    before = (a for key, a in accounts.items() if key.split()[0] == unit.key.split()[0])
    reasons = dict(chain.from_iterable(a.get("alive", {}).items() for a in before))
    alive = {}
    for trial, lives in zip(tried, pool.map(Trial.survives, tried), strict=True):
        if lives:
            alive[str(trial.slip)] = reasons.get(str(trial.slip), "")
            print(f"alive: {trial}", flush=True)
    accounts[unit.key] = {"slips": len(tried), **({"alive": alive} if alive else {})}
    write(accounts)
    return sum(not why for why in alive.values())


def judge_again(tried: list[Trial], accounts: dict[str, Any], pool: ProcessPoolExecutor) -> int:
    """Whether slips come out otherwise than their accounts say."""
    wrong = 0
    for trial, lives in zip(tried, pool.map(Trial.survives, tried), strict=True):
        if lives != (str(trial.slip) in accounts[trial.unit.key].get("alive", {})):
            wrong += 1
            print(f"now {'alive' if lives else 'noticed'}: {trial}", flush=True)
    print(f"{len(tried)} slips judged again, {wrong} not as their accounts say")
    return int(wrong > 0)


def write(accounts: dict[str, Any]) -> None:
    """A line for each function."""
    lines = (
        f" {json.dumps(key)}: {json.dumps(account, ensure_ascii=False)}"
        for key, account in sorted(accounts.items())
    )
    ACCOUNTS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main([x for x in sys.argv[2:] if x], int(sys.argv[1] or 0)))
