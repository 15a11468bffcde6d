"""What Sphinx does not notice in the pages that it writes."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from bs4 import BeautifulSoup

# text in these is not prose, or is mathematics that check_tex.py looks at
APART = ["script", "style", "pre", "code", "svg", "title"]
ROLE = r"\{(ref|numref|eq|cite|doc|prf:ref|glue|result)[^}]*\}`?|\{py:|\]\(#"
GENERATED = {"search.html", "genindex.html", "py-modindex.html"}


def check_pages(site: Path) -> list[str]:
    """What is wrong with the pages of the site, a line each."""
    problems = []
    for page in sorted(site.rglob("*.html")):
        relative = page.relative_to(site).as_posix()
        if relative.startswith("_static/") or relative in GENERATED:
            continue
        problems += check_page(relative, page.read_text(encoding="utf-8"))
    return problems


def check_page(relative: str, html: str) -> list[str]:
    name = relative.removesuffix(".html") + ".md"
    soup = BeautifulSoup(html, "html.parser")
    article = soup.select_one("article") or soup.body
    if article is None:
        return []
    problems = []
    for number, cell in enumerate(article.select("div.cell:has(> .cell_input)"), 1):
        for output in cell.select(".output.stderr, .output.traceback"):
            text = output.get_text().strip().splitlines() or [""]
            problems.append(f"{name}, cell {number}: an output shows an error: {text[-1][:200]}")
    for math in article.select("p span.math"):
        text = math.get_text().strip()
        if text.startswith((r"\[", "$$")) or r"\begin{align" in text:
            problems.append(f"{name}: a displayed formula has fallen into a line: {text[:120]}")
    for apart in article.find_all(APART):
        apart.decompose()
    for math in article.select(".math"):
        text = math.get_text()
        if "$" in re.sub(r"\\text\{[^}]*\}", "", text):
            problems.append(f"{name}: a stray $ in the formula {' '.join(text.split())[:120]}")
        math.decompose()
    for string in article.find_all(string=True):
        text = " ".join(string.split())
        if "$" in text:
            problems.append(f"{name}: a stray $ in the text: {excerpt(text, '$')}")
        inside = string.find_parent(class_=["derivation", "refutation"])
        hit = re.search(r"\\[()\[\]]|\\begin\{", text)
        if hit and not inside:
            problems.append(f"{name}: TeX outside mathematics: {excerpt(text, hit.group())}")
        if re.search(r"\|\s*:?-{2,}:?\s*\|", text):
            problems.append(f"{name}: a table that was not read: {excerpt(text, '|')}")
        hit = re.search(ROLE, text)
        if hit:
            problems.append(f"{name}: a role that was not read: {excerpt(text, hit.group())}")
    return problems


def excerpt(text: str, what: str) -> str:
    at = text.index(what)
    return text[max(0, at - 40) : at + 60]


if __name__ == "__main__":
    wrong = check_pages(Path(sys.argv[1]))
    print(*wrong, sep="\n")
    sys.exit(bool(wrong))
