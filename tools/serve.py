"""The site while you write: make serve, then edit. Pages that changed are built and reload.

An edited chapter is run again if its code changed; after an edit in lmmcore, or of data, all the
chapters that read that file (tools/executed.py), so no number on a page is older than its code.
This is a preview: only make book checks all that a book must be.
"""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import sys
import threading
import time
from pathlib import Path

from tools.book import BUILD, jupyter_book
from tools.chapters import ROOT, check_sources, settle_environment

PLACE = BUILD / "serve"
SITE = PLACE / "_build" / "html"
FOLDERS = ("lmmcore", "lmmbook", "matrixproof", "site")
WATCHED = ["chapters/*.md", *(f"{folder}/**/*" for folder in FOLDERS)]
WATCHED += ["_config.yml", "_toc.yml", "references.bib", "CITATION.cff", "*.md"]
RELOAD = """<script>(async () => {
  const ask = async () => (await fetch('/_state', {cache: 'no-store'})).text();
  const first = await ask();
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    if (await ask().catch(() => first) !== first) location.reload();
  }
})();</script>"""


def state() -> dict[str, int]:
    """When each source was last written."""
    files = (file for pattern in WATCHED for file in ROOT.glob(pattern) if file.suffix != ".pyc")
    return {str(file): file.stat().st_mtime_ns for file in files if file.is_file()}


class Handler(http.server.SimpleHTTPRequestHandler):
    """The built pages, each with the script that reloads it after the next build."""

    builds = 0

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if path.is_dir():
            path = path / "index.html"
        if self.path == "/_state":
            self.answer("text/plain", str(Handler.builds).encode())
        elif path.suffix == ".html" and path.is_file():
            self.answer("text/html; charset=utf-8", path.read_bytes() + RELOAD.encode())
        else:
            super().do_GET()

    def answer(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        pass


def build() -> None:
    start = time.perf_counter()
    for problem in check_sources():
        print(f"error: {problem}", file=sys.stderr)
    jupyter_book("--path-output", str(PLACE), log_name="serve.log")
    Handler.builds += 1
    print(f"built in {time.perf_counter() - start:.1f} s", flush=True)


def main() -> None:
    settle_environment()
    os.environ["LMMCORE_RUNS"] = "kept"
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    before = state()
    build()
    handler = functools.partial(Handler, directory=str(SITE))
    port = int(os.environ.get("PORT", "0"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}/ (end with Ctrl-C)", flush=True)
    while True:
        time.sleep(0.3)
        now = state()
        if now != before:
            before = now
            build()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit()
