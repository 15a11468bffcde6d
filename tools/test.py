"""Run the tests: ruff and imports, the book (built if missing or older than its sources), pytest.

    make test                what guards the change, and each day another share of the slow rest
    make test DAY=3          the share of another day (tools/sample.py)
    make test ALL=yes        everything, also on the other machines that this one can imitate
    make test ARGS="tests/lmmbook/book/test_recorded.py -k first-fit"       only that, for pytest
"""

from __future__ import annotations

import os
import subprocess
import sys

from tools import machines, sample
from tools.chapters import ROOT, settle_environment
from tools.lint import lint

REPORT = "_build/test-report.xml"
FOLDERS = ("lmmcore", "lmmbook", "matrixproof", "site")
SOURCES = ["chapters/*.md", *(f"{folder}/**/*" for folder in FOLDERS)]
SOURCES += ["_config.yml", "_toc.yml", "references.bib", "requirements.txt"]


def book_is_stale() -> bool:
    """The browser test looks at the built pages, which must be of these sources."""
    index = ROOT / "_build" / "html" / "index.html"
    if not index.exists():
        return True
    built = index.stat().st_mtime
    files = (path for glob in SOURCES for path in ROOT.glob(glob) if path.suffix != ".pyc")
    return any(path.stat().st_mtime > built for path in files if path.is_file())


def main(arguments: list[str]) -> int:
    settle_environment()
    everything = os.environ.get("LMMBOOK_ALL") == "yes"
    print("ruff and the import contracts", flush=True)
    wrong = lint()
    if not arguments and book_is_stale():
        print("the book is missing or older than its sources: building it first", flush=True)
        if subprocess.run([sys.executable, "-m", "tools.book"], cwd=ROOT, check=False).returncode:
            return 1
    drawn = [] if arguments or everything else [f"--day={sample.day()}"]
    (ROOT / "_build").mkdir(exist_ok=True)
    workers = [] if any(a.startswith(("-n", "--pdb")) for a in arguments) else ["-n", "2"]
    command = [sys.executable, "-m", "pytest", "-q", "--durations=10", *workers]
    command += [f"--junitxml={REPORT}", *drawn, *arguments]
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    if everything and not arguments:
        code = machines.main(machines.IN_ALL) or code
    if wrong:
        print(f"error: {' and '.join(wrong)}: see above the tests, or make lint", file=sys.stderr)
    outcome = "There are failures, see above" if code or wrong else "All tests passed"
    print(f"{outcome}. The report is in {REPORT}.")
    return code or len(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
