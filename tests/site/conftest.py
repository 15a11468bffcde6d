"""The built site on a port of this machine, and a browser with letters of its own.

Pages must hold whatever fonts a machine has: the browser has either wide letters or narrow ones,
which come with matplotlib, and none of the machine's. Without a browser these tests are skipped,
except where CI=true: there a missing browser is a failure.
"""

import functools
import http.server
import os
import shutil
import threading
from pathlib import Path

import matplotlib
import pytest
from playwright.sync_api import sync_playwright

from tools.chapters import ROOT

SITE = ROOT / "_build" / "html"
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LETTERS = {
    "wide": ("DejaVu Sans", "DejaVu Sans Mono", "DejaVuSans*"),
    "narrow": ("STIXGeneral", "cmtt10", "STIXGeneral*", "cmtt10*"),
}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def base():
    """The site's address."""
    handler = functools.partial(Quiet, directory=str(SITE))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def only(letters, folder):
    """A configuration of fontconfig that knows these letters alone; its path."""
    text, code, *patterns = LETTERS[letters]
    fonts = folder / letters
    fonts.mkdir()
    for pattern in patterns:
        for path in (Path(matplotlib.get_data_path()) / "fonts" / "ttf").glob(pattern):
            (fonts / path.name).symlink_to(path)
    generic = {"sans-serif": text, "serif": text, "system-ui": text, "monospace": code}
    aliases = "".join(
        f"<alias binding='same'><family>{name}</family><prefer><family>{family}</family></prefer>"
        "</alias>" for name, family in generic.items()
    )  # fmt: skip
    settings = folder / f"{letters}.conf"
    settings.write_text(
        "<?xml version='1.0'?><!DOCTYPE fontconfig SYSTEM 'fonts.dtd'><fontconfig>"
        f"<dir>{fonts}</dir><cachedir>{folder}/cache</cachedir>{aliases}</fontconfig>"
    )
    return settings


@pytest.fixture(scope="session")
def browsers(tmp_path_factory):
    """A browser with wide or with narrow letters; each is started once."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not program:
        message = "no browser found, so the pages were not looked at (Debian: apt install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    if not (SITE / "index.html").exists():
        pytest.fail("there are no built pages: make book")
    folder = tmp_path_factory.mktemp("letters")
    with sync_playwright() as playwright:

        @functools.cache
        def browser(letters):
            return playwright.chromium.launch(
                executable_path=program, headless=True, args=FLAGS,
                env={**os.environ, "FONTCONFIG_FILE": str(only(letters, folder))},
            )  # fmt: skip

        yield browser


@pytest.fixture(scope="session")
def browser(browsers):
    return browsers("wide")
