"""Test the package with the oldest or the newest versions of what it needs.

    make test-versions VERSIONS=oldest       the lower bounds of pyproject.toml
    make test-versions VERSIONS=newest       whatever the index has today

In an environment of its own, which the lock does not bind: all tests of the package and of the
checker.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

from tools.chapters import ROOT, settle_environment
from tools.lock import UV

PACKAGE = ".[formula,laplace,duckdb,plot]"
TOOLS = "pytest pytest-timeout pytest-xdist hypothesis pyyaml jupytext nbval ipykernel matplotlib"
RESOLUTION = {"oldest": "lowest-direct", "newest": "highest"}
# these test the book, the notebooks and the toolchain, which the lock binds
APART = "browser toolchain notebooks typed coverage errata ledger recorded.py slips mutated"
APART += " try"


def tests() -> list[str]:
    found = sorted(p.relative_to(ROOT).as_posix() for p in (ROOT / "tests").glob("test_*.py"))
    return [name for name in found if not any(f"test_{x}" in name for x in APART.split())]


def main(which: str) -> int:
    if which not in RESOLUTION:
        sys.exit("error: say which: make test-versions VERSIONS=oldest (or newest)")
    needs = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    settle_environment()
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        subprocess.run([python, "-m", "pip", "install", "-q", UV], check=True)
        install = [python, "-m", "uv", "pip", "install", "-q", "--python", python]
        subprocess.run([*install, "--resolution", RESOLUTION[which], PACKAGE], cwd=ROOT, check=True)
        subprocess.run([*install, *TOOLS.split()], cwd=ROOT, check=True)
        listed = subprocess.run(
            [python, "-m", "uv", "pip", "list", "--python", python], capture_output=True, text=True,
            check=True,
        ).stdout  # fmt: skip
        names = {n.split(">")[0] for n in needs}
        print(*(line for line in listed.splitlines() if line.split()[0] in names), sep="\n")
        command = [python, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", *tests()]
        return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
