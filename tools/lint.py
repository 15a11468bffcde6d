"""ruff, and the contracts of pyproject.toml on who imports whom."""

from __future__ import annotations

import subprocess
import sys

from tools.chapters import ROOT

COMMANDS = {
    "ruff": ("-m", "ruff", "check", "-q", "."),
    "imports": ("-c", "from importlinter.cli import lint_imports_command as run; run()"),
}


def lint() -> list[str]:
    """What each finds, all of it, is printed; the names of those that found something."""
    wrong = []
    for name, command in COMMANDS.items():
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode:
            wrong.append(name)
            print(done.stdout + done.stderr, file=sys.stderr)
    return wrong


if __name__ == "__main__":
    sys.exit(f"error: {', '.join(wrong)}" if (wrong := lint()) else 0)
