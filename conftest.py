"""What all tests share: none of the user's own configuration, how recordings are replayed, how
workers share the tests, and which the fast run keeps.

It stands here and not in tests/, so that it also holds for ``pytest chapters``.
"""

from collections import Counter, defaultdict
from pathlib import Path

import nbval.kernel
import nbval.plugin
import pytest
from xdist.scheduler import LoadFileScheduling

from tools import sample
from tools.chapters import settle_environment

settle_environment()


def execute_cell_input(self, cell_input, allow_stdin=None):
    """As nbval's own, but with history: without it, IPython ignores a semicolon at a cell's end."""
    return self.kc.execute(
        cell_input, store_history=True, allow_stdin=allow_stdin, stop_on_error=False
    )


nbval.kernel.RunningKernel.execute_cell_input = execute_cell_input


def without_images(self, test, ref, skip_compare=None):
    """A recording holds no images of any kind; nbval leaves out only PNG and JPEG."""
    skip = (*(skip_compare or self.parent.skip_compare), "image/svg+xml", "image/gif")
    return compare_outputs(self, test, ref, skip)


compare_outputs = nbval.plugin.IPyNbCell.compare_outputs
nbval.plugin.IPyNbCell.compare_outputs = without_images


# -- on several workers ----------------------------------------------------------------------

# of these, which take long and share nothing, each goes to the next worker that is free
SPREAD = {
    "test_page", "test_page_is_accessible", "test_page_in_narrow_letters",
    "test_pages_show_what_is_recorded",
    "test_student_notebook_runs_with_its_stubs", "test_instructor_notebook_passes_every_check",
    "test_a_slip_in_any_line_is_noticed",
}  # fmt: skip


class ByFile(LoadFileScheduling):
    """The other tests of a file, and the cells of a recording, stay together and in order."""

    def _split_scope(self, nodeid):
        alone = nodeid.partition("::")[2].partition("[")[0] in SPREAD
        return nodeid if alone else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return ByFile(config, log)


# -- the fast run ----------------------------------------------------------------------------

REPLAY = pytest.mark.slow(10)  # the book's own run is compared with the recording, always
LEFT_OUT: Counter[str] = Counter()


def pytest_addoption(parser):
    words = "leave out slow tests that no change touches, but for the share of this day"
    parser.addoption("--day", type=int, help=words)


def chapter_of(item):
    """The chapter that a test is of: what its mark says, or its parameter, a page."""
    if isinstance(item, nbval.plugin.IPyNbCell):
        return item.path.stem
    said = item.get_closest_marker("slow").kwargs.get("chapter")
    page = getattr(item, "callspec", None) and item.callspec.params.get("page")
    return said or (Path(page).stem if page else "")


def function_of(item):
    return item.nodeid.split("[")[0].split("::Cell")[0]


def drawn_among(item):
    """With which others a test waits for its turn, and what of it waits: cells as a recording."""
    if isinstance(item, nbval.plugin.IPyNbCell):
        return "recordings", item.path.stem
    return function_of(item) if hasattr(item, "callspec") else item.path, item.nodeid


def left_out(items, today):
    """The slow tests that neither a change nor the day's draw asks for."""
    files = sample.changed()
    waiting = defaultdict(list)
    for item in items:
        if mark := item.get_closest_marker("slow"):
            guards = mark.kwargs.get("guards", ())
            if not sample.touched(chapter_of(item), guards, files):
                waiting[drawn_among(item)[0], mark.args[0]].append(item)
    for (_, share), group in waiting.items():
        yield from set(group) - set(sample.drawn(group, share, lambda x: drawn_among(x)[1], today))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    for item in items:
        if isinstance(item, nbval.plugin.IPyNbCell):
            item.add_marker(REPLAY)
    if config.option.day is not None:
        out = set(left_out(items, config.option.day))
        LEFT_OUT.update(function_of(item) for item in items if item in out)
        config.hook.pytest_deselected(items=[item for item in items if item in out])
        items[:] = [item for item in items if item not in out]


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = dict(LEFT_OUT)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    """Each worker collects the same tests, and leaves out the same."""
    if not LEFT_OUT:
        LEFT_OUT.update(getattr(node, "workeroutput", {}).get("left_out", {}))


def pytest_terminal_summary(terminalreporter, config):
    if LEFT_OUT:
        replays = [name for name in LEFT_OUT if name.endswith(".ipynb")]
        terminalreporter.section(f"left out on day {config.option.day}; all: make test ALL=yes")
        for name in sorted(set(LEFT_OUT) - set(replays)):
            terminalreporter.line(f"{LEFT_OUT[name]:6} {name}")
        if replays:
            count = sum(LEFT_OUT[name] for name in replays)
            terminalreporter.line(f"{count:6} cells of {len(replays)} recordings, replayed")
