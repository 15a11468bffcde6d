"""Sphinx extension: run every notebook from scratch, show progress, name what fails.

It puts ``tools/chapters.py``'s ``execute`` in the place of MyST-NB's own, whose failure message is
a traceback without the cell's number or line. Each run is kept (tools/executed.py); it is used
again only where LMMCORE_RUNS=kept asks for it, as ``make serve`` and ``make pdf`` do.
"""

from __future__ import annotations

import os
import tempfile
import time
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import myst_nb.sphinx_
from myst_nb.core.execute import NotebookClientBase
from sphinx.builders.html import BuildInfo
from sphinx.util import logging

from tools import executed
from tools.chapters import ChapterError, execute

FOLDERS = {"templates_path", "html_static_path"}  # settings that name folders of the machine
LOGGER = logging.getLogger(__name__)
STARTED: dict[str, float] = {}
SECONDS: dict[str, float] = {}  # how long each chapter took to run


class Client(NotebookClientBase):
    """Executes when entered; a failure is one warning, which -W makes an error."""

    def start_client(self) -> None:
        start = time.perf_counter()
        failed = None
        reuse = os.environ.get("LMMCORE_RUNS") == "kept"
        seconds = executed.restore(self.path, self.notebook) if reuse else None
        if seconds is None:
            failed = self.run()
            seconds = time.perf_counter() - start
        SECONDS[self.path.stem] = seconds
        self.exec_metadata = {
            "mtime": datetime.now().timestamp(),
            "runtime": time.perf_counter() - start,
            "method": "force",
            "succeeded": failed is None,
            "error": failed,
            "traceback": None,
        }

    def run(self) -> str | None:
        """Run it and keep the run; what is wrong, if something is."""
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            reads = Path(folder) / "reads"
            try:
                execute(self.notebook, self.path, reads)
            except ChapterError as error:
                LOGGER.warning(str(error))
                for cell in self.notebook.cells:  # said once is enough
                    outputs = cell.get("outputs", [])
                    cell["outputs"] = [o for o in outputs if o.get("name") != "stderr"]
                return str(error)
            if reads.exists():
                seconds = time.perf_counter() - start
                executed.keep(self.path, self.notebook, reads.read_text(), seconds)
        return None


def create_client(notebook, source, nb_config, logger, read_fmt=None):
    return Client(notebook, Path(source), nb_config, logger)


def outdated(app, env, added, changed, removed):
    """The pages to be made again though their source is the same: what they read has changed."""
    if os.environ.get("LMMCORE_RUNS") != "kept":
        return []
    return [name for name in sorted(env.found_docs) if executed.stale(Path(env.doc2path(name)))]


def begin(app, docname, source):
    STARTED[docname] = time.perf_counter()


def end(app, doctree):
    docname = app.env.docname
    seconds = time.perf_counter() - STARTED.get(docname, time.perf_counter())
    print(f"[{len(STARTED)}/{len(app.env.found_docs)}] {docname} ... {seconds:.1f} s", flush=True)


def identify(app):
    """Two clones in different folders have the same settings: the folders do not identify them."""
    if app.builder.format == "html":
        named = [c for c in app.config.filter(["html"]) if c.name not in FOLDERS]
        app.builder.build_info = BuildInfo(SimpleNamespace(filter=lambda _: named), app.tags)


def write_timings(app, exception):
    """The one file of the site in which two builds of a commit differ."""
    if exception or app.builder.format != "html":
        return
    lines = [f"{seconds:8.1f} s  {name}" for name, seconds in sorted(SECONDS.items())]
    lines.append(f"{sum(SECONDS.values()):8.1f} s  all chapters, one after the other")
    (Path(app.outdir) / "timings.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def setup(app):
    myst_nb.sphinx_.create_client = create_client
    app.connect("builder-inited", identify)
    app.connect("env-get-outdated", outdated)
    app.connect("source-read", begin)
    app.connect("doctree-read", end)
    app.connect("build-finished", write_timings)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
