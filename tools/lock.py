"""requirements.in -> requirements.txt: every package pinned and hashed, without any address.

uv resolves for all platforms and Pythons at once; it is fetched into a place of its own. In the
same way npm makes site/try/browser/package-lock.json from the package.json beside it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tools.chapters import ROOT
from tools.setup import BROWSER, npm

UV = "uv==0.13.8"
OPTIONS = "--universal --python-version 3.11 --generate-hashes --no-header --no-annotate"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        subprocess.run([python, "-m", "pip", "install", "-q", UV], check=True)
        command = [python, "-m", "uv", "pip", "compile", "-q", *OPTIONS.split()]
        command += ["--no-emit-index-url", *sys.argv[1:], "requirements.in"]
        command += ["-o", "requirements.txt"]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
    command = [*npm(Path(sys.prefix)), "install", "--package-lock-only"]
    command += ["--omit-lockfile-registry-resolved", "--no-audit", "--no-fund"]
    code = code or subprocess.run(command, cwd=BROWSER, check=False).returncode
    if code == 0:
        print("The locks are written; the next make book sets up anew from them.")
    return code


if __name__ == "__main__":
    sys.exit(main())
