"""Set the book as a PDF: _build/book.pdf, offered on the pages of the site if they are built.

1. jupyter-book writes LaTeX, from the runs that `make book` kept (tools/executed.py), -W -n
2. latexmk and XeLaTeX set it
3. what TeX complains of is an error: a missing character, a reference to nothing; lines that stick
   out are listed
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib

from tools.book import BUILD, SITE, jupyter_book
from tools.chapters import ROOT, check_sources, settle_environment

PLACE = BUILD / "print"
LATEX = PLACE / "_build" / "latex"
PDF = BUILD / "book.pdf"
STYLES = ("unicode-math.sty", "tcolorbox.sty", "newunicodechar.sty")
WIDEST = 12.0  # points by which a line may stick out unnoticed: a seventh of the margin


def fail(message: str, problems: list[str] | None = None) -> None:
    PDF.unlink(missing_ok=True)
    for problem in problems or []:
        print(f"error: {problem}", file=sys.stderr)
    sys.exit(f"error: {message}")


def needs() -> str:
    """Debian's packages, named in the Makefile."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    return " ".join(re.search(r"^PDF_NEEDS := (.*)", text, flags=re.M)[1].split())


def missing() -> list[str]:
    """What of LaTeX is not here."""
    lacking = [x for x in ("latexmk", "xelatex", "kpsewhich", "fc-list") if not shutil.which(x)]
    if lacking:
        return lacking
    lacking = [
        style
        for style in STYLES
        if subprocess.run(["kpsewhich", style], capture_output=True, check=False).returncode
    ]
    fonts = subprocess.run(["fc-list", ":", "family"], capture_output=True, text=True, check=False)
    wanted = ("TeX Gyre Pagella", "TeX Gyre Pagella Math", "TeX Gyre Heros", "DejaVu Sans Mono")
    present = {name.strip() for line in fonts.stdout.splitlines() for name in line.split(",")}
    return lacking + [font for font in wanted if font not in present]


def commit_date() -> str:
    """Seconds since 1970 of the commit, so that no clock is in the file."""
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "0"


def complaints(log: str) -> list[str]:
    """What TeX's log says is wrong, a line each."""
    log = re.sub(r"(?<=.{79})\n", "", log)  # TeX breaks its lines at 79 characters
    found = [f"TeX: {line}" for line in re.findall(r"^! .*", log, flags=re.M)]
    found += sorted(set(re.findall(r"Missing character: [^\n]*", log)))
    found += sorted(set(re.findall(r"LaTeX Warning: (?:Hyper r|R)eference [^\n]*undefined", log)))
    found += sorted(set(re.findall(r"multiply defined[^\n]*", log)))
    return found


def too_long(log: str) -> list[str]:
    """Lines that stick out by more than is overlooked: to be looked at, not a fault that stops."""
    found = []
    for width, where in re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide\) ([^\n]*)", log):
        if float(width) > WIDEST:
            found.append(f"a line is {float(width):.0f} points too long: {where}")
    return found


def edition() -> str:
    """What the title page says below: version, licences, whether there are solutions."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    held = " Without the solutions." if os.environ.get("LMMCORE_SOLUTIONS") == "no" else ""
    return (
        f"Version {version['version']}.{held} Text and figures: CC BY 4.0. Code: MIT. "
        "What was proved, and how, unfolds on the pages of the site; here each derivation "
        "names its reasons and its assumptions."
    )


# the footer (_config.yml) holds this comment, behind which the link is put, once
PLACEHOLDER = re.compile(r"<!--the book as a PDF-->(<a class=\"book-pdf\".*?</a>)?", flags=re.S)
LINK = (
    '<!--the book as a PDF--><a class="book-pdf" href="{address}" download>'
    "The whole book as one PDF</a>"
)


def offer() -> int:
    """Put the PDF into the site, and links to it on its pages; how many pages have one."""
    count = 0
    for page in sorted(SITE.rglob("*.html")):
        text = page.read_text(encoding="utf-8")
        depth = "../" * (len(page.relative_to(SITE).parts) - 1)
        made = PLACEHOLDER.sub(LINK.format(address=f"{depth}book.pdf"), text)
        if made != text:
            page.write_text(made, encoding="utf-8")
            count += 1
    if count:
        shutil.copy(PDF, SITE / "book.pdf")
    return count


def write() -> None:
    """The book as LaTeX."""
    problems = check_sources()
    if problems:
        fail("the PDF was not made: the book's sources are broken, see above", problems)
    os.environ.setdefault("SOURCE_DATE_EPOCH", commit_date())
    os.environ["FORCE_SOURCE_DATE"] = "1"
    os.environ["LMMCORE_RUNS"] = "kept"
    os.environ["LMMCORE_EDITION"] = edition()
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    print("writing LaTeX; chapters whose run is not kept, or out of date, are run", flush=True)
    options = ("--builder", "latex", "--path-output", str(PLACE))
    code, said = jupyter_book(*options, log_name="pdf.log")
    if code or any("error: " in line for line in said):
        fail("the book cannot be written as LaTeX, see above (all output: _build/pdf.log)")


def typeset() -> None:
    print("setting it with XeLaTeX", flush=True)
    command = ["latexmk", "-xelatex", "-interaction=nonstopmode", "-f", "book.tex"]
    done = subprocess.run(command, cwd=LATEX, capture_output=True, text=True, check=False)
    path = LATEX / "book.log"
    log = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    wrong = complaints(log)
    if done.returncode or not (LATEX / "book.pdf").exists():
        fail(f"LaTeX failed (all output: {path.relative_to(ROOT)})", wrong)
    if wrong:
        fail(f"the PDF has faults, listed above (all output: {path.relative_to(ROOT)})", wrong)
    for line in too_long(log):
        print(f"note: {line} of book.tex", flush=True)
    shutil.copy(LATEX / "book.pdf", PDF)


def main() -> None:
    start = time.perf_counter()
    settle_environment()
    lacking = missing()
    if lacking:
        sys.exit(
            f"error: make pdf needs LaTeX; not found: {', '.join(lacking)} "
            f"(Debian, Ubuntu: apt install {needs()})"
        )
    write()
    typeset()
    if (SITE / "index.html").exists():
        print(f"{offer()} pages of the site in _build/html offer it", flush=True)
    print(f"The PDF is _build/book.pdf ({time.perf_counter() - start:.0f} s).")


if __name__ == "__main__":
    main()
