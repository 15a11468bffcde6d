"""Runs in the kernel before a chapter's first cell: notes what it reads, and sets for print, too,
what it shows.

LMMCORE_READS names the file into which go the project's files that the chapter opens, and the
folders that it lists, a line each. See tools/executed.py.
"""

import logging
import os
import sys
from io import BytesIO

from tools import printed

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
APART = tuple(ROOT + part for part in (".venv", "_build", ".git", ".hypothesis"))


def watch() -> None:
    """Write each path once, when it is first opened or listed."""
    log = os.open(os.environ["LMMCORE_READS"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    seen = set()

    def hook(event: str, args: tuple) -> None:
        if event not in ("open", "os.listdir", "os.scandir") or not args:
            return
        path = args[0]
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if path is None:
            path = "."
        if not isinstance(path, str) or path in seen:
            return
        seen.add(path)
        full = os.path.abspath(path)
        if full.startswith(ROOT) and not full.startswith(APART) and "\n" not in full:
            os.write(log, os.fsencode(full[len(ROOT) :] + "\n"))

    sys.addaudithook(hook)


def pdf(figure) -> bytes:
    """A figure in vector form, for print: letters stay letters, and no date is in it."""
    from matplotlib import rc_context

    out = BytesIO()
    with rc_context({"pdf.fonttype": 42}):
        figure.savefig(out, format="pdf", metadata={"CreationDate": None})
    return out.getvalue()


watch()
logging.getLogger("fontTools").setLevel(logging.ERROR)  # remarks on the dates of fonts
formatters = get_ipython().display_formatter.formatters  # noqa: F821
figures, rest = formatters["application/pdf"], formatters["text/latex"]
figures.for_type_by_name("matplotlib.figure", "Figure", pdf)
figures.for_type_by_name("lmmbook.figures.frames", "Frames", lambda frames: pdf(frames.still))
for (module, name), form in printed.FORMS.items():
    rest.for_type_by_name(module, name, form)
