"""Make the estimators wrong in one place at a time, and see the tests go red.

    make mutate MODULE=profile         one module of lmmcore; without MODULE all of them
    make mutate SAMPLE=40              that many slips of each module, chosen by a seed

A slip (tools/slips.py) is killed when a test fails, raises or takes far too long. It meets a few
quick tests that call its function, of many files, and if it survives them, forty seconds of all
that call it, so that a slip may be said to live that a slow test would notice. What survives is
either equivalent, and lmmbook/ledger/equivalent_slips.json says why, or asks for a test. The totals
are written to lmmbook/ledger/slips.json, from which the ledger page is made, module by module.
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
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from tools.chapters import ROOT, settle_environment
from tools.slips import Slip, slips

LEDGER = ROOT / "lmmbook" / "ledger"
TOTALS, EQUIVALENT = LEDGER / "slips.json", LEDGER / "equivalent_slips.json"
NOT_OURS = {"proof", "plots", "ledger", "data", "exercises/bank"}
TOOLCHAIN = """browser toolchain notebooks recorded. proof mutated ledger typed coverage errata
slips inline try second_judge"""
WARM = """pytest hypothesis.extra.numpy nbval.plugin numpy pandas scipy.linalg scipy.optimize
scipy.sparse.linalg scipy.stats scipy.integrate sympy formulae autograd matplotlib.pyplot"""
JUDGES = "tests/test_exercises.py"
FIRST = 25  # tests of the first round
QUICK, LONG = 3.0, 40.0  # seconds that the tests of a round take
SHARE = 0.95  # of the slips are to be killed
SPARE = 60  # seconds of processor time, besides ten times what the tests take
PLAIN = "-o addopts= -p no:cacheprovider -p no:xdist".split()


def modules() -> list[Path]:
    found = sorted((ROOT / "lmmcore").rglob("*.py"))
    inside = {p: p.relative_to(ROOT / "lmmcore").as_posix() for p in found}
    return [
        p for p in found
        if not any(inside[p].startswith(f"{x}/") for x in NOT_OURS) and slips(p.read_text("utf-8"))
    ]  # fmt: skip


def test_files() -> list[str]:
    """The tests of the package; those of the book and of the checker say nothing of it."""
    found = sorted((ROOT / "tests").glob("test_*.py"))
    return [
        f"tests/{p.name}"
        for p in found
        if not any(f"test_{x}" in p.name for x in TOOLCHAIN.split())
    ]


@dataclass(frozen=True)
class Tests:
    """Which tests call which function, and which files anything of a module."""

    by_function: dict[str, set[str]]
    files_of_module: dict[str, set[str]]
    seconds: dict[str, float]

    @classmethod
    def observe(cls) -> Tests:
        """Run every test once and see which functions it calls.

        What was seen of a file of tests is kept until it changes, or the names of its tests do. A
        function that changes may get other callers: then a slip may live that a test would notice.
        """
        target = ROOT / "_build" / "callers.json"
        known = json.loads(target.read_text("utf-8")) if target.exists() else {}
        names = _names_of_tests()
        seen = {
            file: known[file]
            for file, tests in names.items()
            if file in known and known[file]["of"] == _state(file)
            and set(known[file]["seconds"]) == tests
        }  # fmt: skip
        for file in sorted(names.keys() - seen.keys()):
            seen[file] = _watch(file)
            target.parent.mkdir(exist_ok=True)
            target.write_text(json.dumps(seen), encoding="utf-8")
        return cls.of_files(seen)

    @classmethod
    def of_files(cls, seen: dict[str, Any]) -> Tests:
        by_function, files, seconds = defaultdict(set), defaultdict(set), {}
        for file, data in seen.items():
            seconds |= data["seconds"]
            for caller, functions in data["calls"].items():
                tests = {caller} if "::" in caller else set(data["seconds"])
                for function in functions:
                    by_function[function] |= tests
                    files[function.partition(":")[0]].add(file)
        return cls(by_function, files, seconds)

    def rounds(self, module: str, slip: Slip) -> list[list[str]]:
        """A few quick tests of many files, then all that call it, for ``LONG`` seconds.

        What is run on import has no callers: such a slip meets the tests of all files that call its
        module. Of a test with parameters the quickest come first, the others after all tests.
        """
        callers = self.by_function.get(f"{module}:{slip.function}", set())
        if not callers:
            files = self.files_of_module.get(module, set())
            callers = {t for t in self.seconds if t.partition("::")[0] in files}
        if not module.startswith("exercises/"):  # they cost seconds to collect, and test judges
            callers = {t for t in callers if not t.startswith(JUDGES)}
        kinds: dict[str, str] = {}
        for test in sorted(callers, key=self.order):
            kinds.setdefault(test.partition("[")[0], test)
        by_file = defaultdict(list)
        for test in kinds.values():
            by_file[test.partition("::")[0]].append(test)
        mixed = filter(None, chain.from_iterable(zip_longest(*by_file.values())))
        rest = sorted(callers - set(kinds.values()), key=self.order)
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


def _names_of_tests() -> dict[str, set[str]]:
    """The tests of each file as pytest names them."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *PLAIN, *test_files()]
    found = subprocess.run(command, cwd=ROOT, env=_environ(), capture_output=True, text=True)
    if found.returncode or "::" not in found.stdout:
        sys.exit(f"error: the tests cannot be collected\n{found.stdout}{found.stderr}")
    names = defaultdict(set)
    for line in found.stdout.splitlines():
        if "::" in line:
            names[line.partition("::")[0]].add(line)
    return names


def _watch(file: str) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile("r", suffix=".json", encoding="utf-8") as out:
        command = [sys.executable, "-m", "pytest", "-q", *PLAIN, "-p", "callers", file]
        environ = {**_environ(), "LMMCORE_CALLERS": out.name}
        if subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode:
            sys.exit("error: the tests fail without any slip")
        return {"of": _state(file), **json.load(out)}


def _environ() -> dict[str, str]:
    return dict(os.environ)


def _state(file: str) -> str:
    """What identifies a file of tests and the helpers that it may import."""
    helpers = [p for p in sorted((ROOT / "tests").glob("*.py")) if not p.match("test_*")]
    return sha256(b"".join(p.read_bytes() for p in [ROOT / file, *helpers])).hexdigest()


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
        if file.startswith((f"{ROOT}/lmmcore/", f"{ROOT}/tests/")):
            del sys.modules[name]
    name = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    sys.meta_path.insert(0, Wrong(name.removesuffix(".__init__"), path, text))
    options = "-x -q -o addopts= -o timeout=0 -p no:cacheprovider -p no:xdist -p no:anyio".split()
    os._exit(int(pytest.main([*options, "--no-header", "--tb=no", "--assert=plain", *tests])))


def warm() -> None:
    """Import once, before the processes are forked, what the tests import besides lmmcore."""
    for name in WARM.split():
        importlib.import_module(name)
    gc.freeze()  # pytest collects garbage twice a run: two thirds of the time of a quick one


def main(names: list[str], sample: int) -> int:
    settle_environment()
    os.chdir(ROOT)
    chosen = [p for p in modules() if not names or p.stem in names]
    if not chosen:
        sys.exit(f"error: no module of lmmcore is called {' or '.join(names)}")
    tests = Tests.observe()
    warm()
    tried = alive = 0
    with ProcessPoolExecutor(2) as pool:
        for path in chosen:
            account = judge(path, sample, tests, pool)
            write(path, account)
            tried, alive = tried + account["tried"], alive + len(account["survivors"])
    print(f"{tried - alive} of {tried} slips are killed or known to change nothing")
    print(f"The totals are in lmmbook/ledger/{TOTALS.name}.")
    return int(alive > (1 - SHARE) * tried)


def judge(path: Path, sample: int, tests: Tests, pool: ProcessPoolExecutor) -> dict[str, Any]:
    """The account of one module: how many slips it has, how many were tried, which survive."""
    module, text = path.relative_to(ROOT / "lmmcore").as_posix(), path.read_text("utf-8")
    found = slips(text)
    chosen = found
    if sample and sample < len(found):
        picked = set(random.Random(module).sample(range(len(found)), sample))
        chosen = [slip for i, slip in enumerate(found) if i in picked]
    excused = json.loads(EQUIVALENT.read_text("utf-8")).get(module, {})
    jobs = [(module, slip) for slip in chosen]
    lives = pool.map(survives, jobs, [tests] * len(jobs), chunksize=2)
    alive = [slip for slip, lived in zip(chosen, lives, strict=True) if lived]
    survivors = [slip for slip in alive if str(slip) not in excused]
    for slip in chosen:
        if str(slip) in excused and slip not in alive:
            print(f"{module}, line {slip.line}: does change something: {slip}", flush=True)
    for slip in survivors:
        print(f"{module}, line {slip.line}: survives: {slip}", flush=True)
    print(f"{module}: {len(chosen)} of {len(found)} slips tried, {len(survivors)} survive, "
          f"{len(alive) - len(survivors)} change nothing", flush=True)  # fmt: skip
    return {
        "digest": sha256(path.read_bytes()).hexdigest()[:16],
        "slips": len(found),
        "tried": len(chosen),
        "equivalent": len(alive) - len(survivors),
        "survivors": [str(slip) for slip in survivors],
    }


def survives(job: tuple[str, Slip], tests: Tests) -> bool:
    module, slip = job
    path = ROOT / "lmmcore" / module
    text = slip.apply(path.read_text("utf-8"))
    return not any(
        found and killed(path, text, found, tests.cost(found))
        for found in tests.rounds(module, slip)
    )


def write(path: Path, account: dict[str, Any]) -> None:
    """Bring the totals up to date; a sample does not replace an account of more slips."""
    kept = {p.relative_to(ROOT / "lmmcore").as_posix() for p in modules()}
    module = path.relative_to(ROOT / "lmmcore").as_posix()
    totals = json.loads(TOTALS.read_text("utf-8")) if TOTALS.exists() else {}
    totals = {k: v for k, v in totals.items() if k in kept}
    old = totals.get(module, {})
    if old.get("digest") != account["digest"] or old["tried"] <= account["tried"]:
        totals[module] = account
    text = json.dumps(totals, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    TOTALS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main([x for x in sys.argv[2:] if x], int(sys.argv[1] or 0)))
