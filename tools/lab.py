"""Open the student's notebooks in JupyterLab, in a folder of their own that is never overwritten.

    _build/notebooks/student/NAME.ipynb -> lab/NAME.ipynb, unless that exists
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from chapters import ROOT, settle_environment

LAB = ROOT / "lab"
MADE = ROOT / "_build" / "notebooks" / "student"


def fetch() -> list[str]:
    """Copy the notebooks that the student does not have yet; their names."""
    LAB.mkdir(exist_ok=True)
    new = [path for path in sorted(MADE.glob("*.ipynb")) if not (LAB / path.name).exists()]
    for path in new:
        shutil.copy(path, LAB / path.name)
    return [path.name for path in new]


if __name__ == "__main__":
    new = fetch()
    print(f"{len(new)} notebooks are new in lab/; those that were there are as you left them.")
    print("To begin one again, delete it in lab/ and call `make lab` once more.", flush=True)
    settle_environment()
    command = [sys.executable, "-m", "jupyterlab", f"--notebook-dir={LAB}", *sys.argv[1:]]
    sys.exit(subprocess.run(command, cwd=LAB, env=os.environ, check=False).returncode)
