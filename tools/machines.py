"""Do the numbers hang on the machine? What is printed and tested, as other processors compute it.

    make test-machines

OpenBLAS chooses its kernels by the processor, NumPy its loops, and both may be told to choose as if
this were another one. So the recordings are replayed, and the estimators tested, on each of
MACHINES; one whose kernels OpenBLAS does not take here is left out, and said to be. Then the pages
are opened in wide letters and in narrow ones. `make test ALL=yes` does it on two machines.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass

from tools.chapters import ROOT, is_notebook, pages, settle_environment

# how OpenBLAS, which NumPy and SciPy bring along, names the kernels in force
PROBE = """
import ctypes, pathlib, numpy as np
np.linalg.inv(np.eye(200) + np.ones((200, 200)))
for path in pathlib.Path(np.__file__).parents[1].glob("numpy.libs/*openblas*"):
    name = ctypes.CDLL(str(path)).scipy_openblas_get_corename64_
    name.restype = ctypes.c_char_p
    print(name().decode())
"""
LOOPS = "from numpy._core._multiarray_umath import __cpu_dispatch__; print(*__cpu_dispatch__)"


@dataclass(frozen=True)
class Machine:
    """A processor as OpenBLAS names it; ``lowered``: NumPy computes as on the oldest one."""

    kernel: str
    threads: int = 1
    lowered: bool = False

    def __str__(self) -> str:
        return f"{self.kernel}, {self.threads} thread{'s' * (self.threads > 1)}" + (
            ", NumPy's oldest loops" if self.lowered else ""
        )

    def environment(self) -> dict[str, str]:
        outer = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(self.threads))
        off = said(LOOPS, outer) if self.lowered else ""
        return outer | threads | {"OPENBLAS_CORETYPE": self.kernel, "NPY_DISABLE_CPU_FEATURES": off}


MACHINES = [
    Machine("Nehalem", lowered=True),
    Machine("Sandybridge", threads=2),
    Machine("Haswell"),
    Machine("Haswell", threads=2, lowered=True),
    Machine("SkylakeX"),
    Machine("Zen", threads=2),
]
IN_ALL = [Machine("Nehalem", lowered=True), Machine("SkylakeX", threads=2)]
ESTIMATORS = ["tests/lmmcore"]
PAGES = ["tests/site/test_browser.py", "-k", "letters or test_links_show"]


def said(code: str, environment: dict[str, str]) -> str:
    """What a program prints; nothing if the processor cannot run it."""
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def kernels(machine: Machine) -> str:
    """Those in force when the machine's are asked for: others, where it cannot have them."""
    return said(PROBE, machine.environment())


def recordings() -> list[str]:
    """Of the chapters that compute with numbers: proofs are the same everywhere."""
    computes = re.compile(r"^\s*(import|from) (numpy|lmmcore)\b", flags=re.M)
    return [
        page.with_suffix(".ipynb").relative_to(ROOT).as_posix()
        for page in pages()
        if is_notebook(page) and computes.search(page.read_text(encoding="utf-8"))
    ]


def tests(arguments: list[str], environment: dict[str, str]) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def main(machines: list[Machine] = MACHINES) -> int:
    settle_environment()
    outcomes = {}
    for machine in machines:
        print(f"\nas on {machine}", flush=True)
        found = kernels(machine)
        if found == machine.kernel:
            code = tests([*recordings(), *ESTIMATORS], machine.environment())
            outcomes[machine] = "FAILED" if code else "passed"
        else:
            outcomes[machine] = f"left out, OpenBLAS takes the kernels of {found or 'none'} for it"
    if machines is MACHINES:  # make test opens them itself
        print("\nthe pages in wide letters and in narrow ones", flush=True)
        outcomes["pages"] = "FAILED" if tests(PAGES, dict(os.environ)) else "passed"
    print("", *(f"{name}: {outcome}" for name, outcome in outcomes.items()), sep="\n")
    return int("FAILED" in outcomes.values())


if __name__ == "__main__":
    sys.exit(main())
