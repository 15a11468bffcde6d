"""Whether the sites that the book and its files link to still answer: make links (needs a network).

The addresses are read from the sources, so nothing need be built.
"""

from __future__ import annotations

import re
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from tools.chapters import ROOT

SOURCES = ("chapters/*.md", "*.md", "references.bib", "_config.yml", "CITATION.cff")
ADDRESS = re.compile(r"https?://[^\s<>()\[\]{}\"'`|]+")
DOI = re.compile(r"^\s*doi\s*=\s*[{\"]([^}\"]+)", flags=re.M)
RESERVED = re.compile(r"//(localhost|127\.|[^/]*\.example|OWNER|\.\.\.)|OWNER/NAME")
AGENT = {"User-Agent": "Mozilla/5.0 (link check of an open textbook)"}
GUARDED = {401, 403, 405, 406, 418, 429, 999}  # answers, but not to programs


def addresses() -> dict[str, list[str]]:
    """Each address, with the files that name it."""
    found: dict[str, list[str]] = {}
    for pattern in SOURCES:
        for file in sorted(ROOT.glob(pattern)):
            text = file.read_text(encoding="utf-8")
            named = [x.rstrip(".,;:!?*_") for x in ADDRESS.findall(text)]
            named += [f"https://doi.org/{doi}" for doi in DOI.findall(text)]
            for address in named:
                if not RESERVED.search(address):
                    found.setdefault(address, []).append(file.relative_to(ROOT).as_posix())
    return found


def trouble(address: str, tries: int = 3) -> str:
    """What is wrong with an address; nothing if it answers."""
    said = ""
    for _ in range(tries):
        try:
            request = urllib.request.Request(address, headers=AGENT)
            with urllib.request.urlopen(request, timeout=20):
                return ""
        except urllib.error.HTTPError as error:
            if error.code in GUARDED:
                return ""
            said = f"status {error.code}"
            if error.code in (404, 410):
                return said
        except (OSError, ValueError) as error:
            said = str(getattr(error, "reason", error))
    return said


def main() -> int:
    found = addresses()
    with ThreadPoolExecutor(8) as pool:
        said = dict(zip(found, pool.map(trouble, found), strict=True))
    broken = {address: why for address, why in said.items() if why}
    for address, why in sorted(broken.items()):
        files = ", ".join(sorted(set(found[address])))
        print(f"error: {address}: {why} ({files})", file=sys.stderr)
    print(f"{len(found)} addresses, {len(broken)} without an answer")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
