"""Run all tests: ruff, the book (built if it is missing or older than its sources), pytest.

Arguments go to pytest: make test ARGS="tests/test_recorded.py -k first_fit".
"""

from __future__ import annotations

import subprocess
import sys

from tools.chapters import ROOT, settle_environment

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
    print("ruff", flush=True)
    lint = subprocess.run([sys.executable, "-m", "ruff", "check", "-q", "."], cwd=ROOT, check=False)
    if not arguments and book_is_stale():
        print("the book is missing or older than its sources: building it first", flush=True)
        if subprocess.run([sys.executable, "-m", "tools.book"], cwd=ROOT, check=False).returncode:
            return 1
    (ROOT / "_build").mkdir(exist_ok=True)
    workers = [] if any(a.startswith(("-n", "--pdb")) for a in arguments) else ["-n", "2"]
    command = [sys.executable, "-m", "pytest", "-p", "tools.progress", *workers]
    command += [f"--junitxml={REPORT}", *arguments]
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    if lint.returncode:
        print("error: ruff found faults (the list above the tests, or: make lint)", file=sys.stderr)
    outcome = "There are failures, see above" if code or lint.returncode else "All tests passed"
    print(f"{outcome}. The report is in {REPORT}.")
    return code or lint.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
