"""Sphinx extension: run every notebook from scratch, show progress, name what fails.

It puts ``tools/chapters.py``'s ``execute`` in the place of MyST-NB's own, whose failure message is
a traceback without the cell's number or line.
"""

from __future__ import annotations

import sys
import time
from datetime import datetime
from pathlib import Path

import myst_nb.sphinx_
from myst_nb.core.execute import NotebookClientBase
from sphinx.util import logging

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
from chapters import ChapterError, execute

LOGGER = logging.getLogger(__name__)
STARTED: dict[str, float] = {}


class Client(NotebookClientBase):
    """Executes when entered; a failure is one warning, which -W makes an error."""

    def start_client(self) -> None:
        start = time.perf_counter()
        failed = None
        try:
            execute(self.notebook, self.path)
        except ChapterError as error:
            failed = str(error)
            LOGGER.warning(failed)
            for cell in self.notebook.cells:  # said once is enough
                cell["outputs"] = [o for o in cell.get("outputs", []) if o.get("name") != "stderr"]
        self.exec_metadata = {
            "mtime": datetime.now().timestamp(),
            "runtime": time.perf_counter() - start,
            "method": "force",
            "succeeded": failed is None,
            "error": failed,
            "traceback": None,
        }


def create_client(notebook, source, nb_config, logger, read_fmt=None):
    return Client(notebook, Path(source), nb_config, logger)


def begin(app, docname, source):
    STARTED[docname] = time.perf_counter()


def end(app, doctree):
    docname = app.env.docname
    seconds = time.perf_counter() - STARTED.get(docname, time.perf_counter())
    print(f"[{len(STARTED)}/{len(app.env.found_docs)}] {docname} ... {seconds:.1f} s", flush=True)


def setup(app):
    myst_nb.sphinx_.create_client = create_client
    app.connect("source-read", begin)
    app.connect("doctree-read", end)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
