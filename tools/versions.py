"""Test the two packages with the oldest or the newest versions of what it needs.

    make test-versions VERSIONS=oldest       the lower bounds of pyproject.toml
    make test-versions VERSIONS=newest       whatever the index has today

In an environment of its own, which the lock does not bind: all tests of the estimators and
of the checker.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tools.chapters import ROOT, settle_environment
from tools.lock import UV

PACKAGES = (".[formula,laplace,duckdb]", "./matrixproof")
TOOLS = "pytest pytest-timeout pytest-xdist hypothesis pyyaml jupytext nbval ipykernel matplotlib"
RESOLUTION = {"oldest": "lowest-direct", "newest": "highest"}
TESTS = ("tests/lmmcore", "tests/matrixproof")  # the lock binds all others


def main(which: str) -> int:
    if which not in RESOLUTION:
        sys.exit("error: say which: make test-versions VERSIONS=oldest (or newest)")
    settle_environment()
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        subprocess.run([python, "-m", "pip", "install", "-q", UV], check=True)
        install = [python, "-m", "uv", "pip", "install", "-q", "--python", python]
        bound = ["--resolution", RESOLUTION[which]]
        subprocess.run([*install, *bound, *PACKAGES], cwd=ROOT, check=True)
        subprocess.run([*install, *TOOLS.split()], cwd=ROOT, check=True)
        listed = subprocess.run(
            [python, "-m", "uv", "pip", "list", "--python", python], capture_output=True, text=True,
            check=True,
        ).stdout  # fmt: skip
        names = ("numpy", "scipy", "sympy", "formulae", "autograd", "duckdb")
        print(*(line for line in listed.splitlines() if line.split()[0] in names), sep="\n")
        command = [python, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", *TESTS]
        return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
