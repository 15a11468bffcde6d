"""Build the book from nothing and verify it. Whatever is wrong is listed, and nothing passes.

1. the sources: headers, tags, table of contents       (chapters.check_sources)
2. jupyter-book, every page executed, -W -n            (site/ext/book_build.py)
3. the pages: stray dollars, outputs that show errors  (check_pages.py)
4. all mathematics, by the MathJax that is shipped     (check_tex.py)
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from importlib import metadata

from tools.chapters import ROOT, check_sources, settle_environment, shown

BUILD = ROOT / "_build"
SITE = BUILD / "html"
NOISE = re.compile(
    r"^\s*$|^=+$|^RuntimeError:\s*$|^During handling of the above|^The above exception was"
    r"|There was an error in building your book|Look above for the cause|^build finished with"
)
PLAIN = re.compile(r"\x1b\[[0-9;]*m")


def fail(message: str, problems: list[str] | None = None) -> None:
    (SITE / "index.html").unlink(missing_ok=True)  # a broken book is not mistaken for a sound one
    for problem in problems or []:
        print(f"error: {problem}", file=sys.stderr)
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)


def plural(count: int) -> str:
    return f"{count} problem{'s' * (count != 1)}, listed above"


def check_version() -> None:
    """jupyter-book 2 ignores _config.yml, writes no HTML and exits with 0."""
    try:
        version = metadata.version("jupyter-book")
    except metadata.PackageNotFoundError:
        fail("jupyter-book is not installed in this environment: use make book")
    if version.split(".")[0] != "1":
        fail(f"this book needs jupyter-book 1.x, but {version} is installed: make clean book")


def jupyter_book(*options: str, log_name: str = "book.log") -> tuple[int, list[str]]:
    """Run it, show its progress and its complaints, keep everything in _build/book.log."""
    command = [
        *(sys.executable, "-c", "from jupyter_book.cli.main import main; main()"),
        *("build", "-q", "-W", "-n", "--keep-going", *options, "."),
    ]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )
    complaints: list[str] = []
    log = (BUILD / log_name).open("w", encoding="utf-8")

    def listen(stream, complaint: bool) -> None:
        traceback = False
        for raw in stream:
            line = PLAIN.sub("", raw).replace(f"{ROOT}/", "").rstrip()
            log.write(line + "\n")
            log.flush()
            # of a traceback, which is in the log, only its last line
            traceback = line.startswith("Traceback (most") or (traceback and line[:1] == " ")
            if traceback or NOISE.search(line):
                continue
            if complaint:
                line = re.sub(r"(WARNING|ERROR|CRITICAL): ", "error: ", line, count=1)
                complaints.append(line)
                print(line, file=sys.stderr, flush=True)
            elif line.startswith("["):
                print(line, flush=True)

    listener = threading.Thread(target=listen, args=(process.stderr, True))
    listener.start()
    listen(process.stdout, False)
    listener.join()
    code = process.wait()
    log.close()
    return code, complaints


def main() -> None:
    start = time.perf_counter()
    settle_environment()
    check_version()
    problems = check_sources()
    if problems:
        fail("the book was not built: its sources are broken, see above", problems)
    for leftover in ("html", ".doctrees", "jupyter_execute", ".jupyter_cache"):
        shutil.rmtree(BUILD / leftover, ignore_errors=True)
    BUILD.mkdir(exist_ok=True)

    print("executing every page from scratch", flush=True)
    code, complaints = jupyter_book()
    count = sum("error: " in line for line in complaints)
    if code or count:
        what = plural(count) if count else "see above"
        fail(f"the book did not build: {what} (all output: _build/book.log)")
    if not (SITE / "index.html").exists():
        fail("jupyter-book said it succeeded, but there is no _build/html/index.html")

    from tools.check_pages import check_pages
    from tools.check_tex import check_tex

    print("checking the pages", flush=True)
    problems = check_pages(SITE)
    count, bad = check_tex(SITE)
    problems += bad
    if problems:
        fail(f"the book did not pass: {plural(len(problems))}", problems)
    shutil.rmtree(BUILD / "jupyter_execute", ignore_errors=True)
    print(f"{count} formulas parsed by the MathJax of the book, none wrong", flush=True)
    seconds = time.perf_counter() - start
    print(f"The book is in _build/html/index.html ({seconds:.0f} s).")


def links() -> None:
    """Sphinx's own check of the links that the pages have: make links."""
    settle_environment()
    check_version()
    os.environ["LMMCORE_RUNS"] = "kept"
    place = BUILD / "links"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    options = ("--builder", "linkcheck", "--path-output", str(place))
    code, said = jupyter_book(*options, log_name="links.log")
    print(f"Every link, and what it answered: {shown(place / '_build/html/output.txt')}")
    broken = sum("broken link" in line for line in said)
    if code or broken:
        sys.exit(f"error: {plural(broken)} (all output: _build/links.log)")


if __name__ == "__main__":
    links() if sys.argv[1:] == ["links"] else main()
