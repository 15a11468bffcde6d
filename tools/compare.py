"""Two builds of the site, compared byte by byte: python -m tools.compare ONE OTHER."""

from __future__ import annotations

import sys
from pathlib import Path

DIFFERS = {"timings.txt"}  # how long the chapters took


def differences(one: Path, other: Path) -> list[str]:
    """The files that are not the same, a line each."""
    names = {p.relative_to(root).as_posix() for root in (one, other) for p in root.rglob("*")}
    wrong = []
    for name in sorted(names - DIFFERS):
        a, b = one / name, other / name
        if a.is_dir() and b.is_dir():
            continue
        if not (a.is_file() and b.is_file()):
            wrong.append(f"{name}: only in {one if a.exists() else other}")
        elif a.read_bytes() != b.read_bytes():
            wrong.append(f"{name}: {first(a.read_bytes(), b.read_bytes())}")
    return wrong


def first(a: bytes, b: bytes) -> str:
    """Where two files part."""
    parted = (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
    at = next(parted, min(len(a), len(b)))
    return f"differs from byte {at}: {a[at - 30 : at + 30]!r} and {b[at - 30 : at + 30]!r}"


if __name__ == "__main__":
    found = differences(*(Path(x) for x in sys.argv[1:3]))
    print(*found, sep="\n")
    sys.exit(f"error: {len(found)} files differ" if found else 0)
