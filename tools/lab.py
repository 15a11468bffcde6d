"""Open the student's notebooks in JupyterLab, in a folder of their own that is never overwritten.

    _build/notebooks/student/NAME.ipynb -> lab/NAME.ipynb, unless that exists
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.chapters import ROOT, settle_environment

LAB = ROOT / "lab"
MADE = ROOT / "_build" / "notebooks" / "student"


def fetch() -> list[str]:
    """Copy the notebooks that the student does not have yet; their names."""
    LAB.mkdir(exist_ok=True)
    new = [path for path in sorted(MADE.glob("*.ipynb")) if not (LAB / path.name).exists()]
    for path in new:
        shutil.copy(path, LAB / path.name)
    return [path.name for path in new]


def no_news() -> None:
    """JupyterLab asks no reader whether to fetch news: the book works without a network."""
    folder = Path(sys.prefix) / "etc" / "jupyter" / "labconfig"
    folder.mkdir(parents=True, exist_ok=True)
    off = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    (folder / "page_config.json").write_text(json.dumps(off), encoding="utf-8")


if __name__ == "__main__":
    new = fetch()
    print(f"{len(new)} notebooks are new in lab/; those that were there are as you left them.")
    print("To begin one again, delete it in lab/ and call `make lab` once more.", flush=True)
    settle_environment()
    no_news()
    command = [sys.executable, "-m", "jupyterlab", f"--notebook-dir={LAB}", *sys.argv[1:]]
    if os.geteuid() == 0:  # in a container; JupyterLab would refuse
        command.append("--allow-root")
    sys.exit(subprocess.run(command, cwd=LAB, env=os.environ, check=False).returncode)
