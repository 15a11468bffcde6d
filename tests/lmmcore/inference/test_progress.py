"""A bar for long work."""

import io
import re

from lmmcore.inference import progress


def test_progress_is_silent_where_nobody_watches(capsys, monkeypatch):
    assert list(progress.progress([1, 2], "things")) == [1, 2]
    assert capsys.readouterr() == ("", "")
    assert list(progress.progress([1, 2], "things", True)) == [1, 2]
    assert "things: [##############################] 2/2, 0 s left" in capsys.readouterr().err

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stderr", Terminal())
    assert progress.watched()


def test_how_long_the_rest_will_take(capsys, monkeypatch):
    clock = iter(range(100, 200))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    assert list(progress.progress("abcd", "letters", True)) == list("abcd")
    shown = capsys.readouterr().err
    assert shown.split("\r") == [
        "",
        f"letters: [{'#' * 7:<30}] 1/4, 3 s left ",
        f"letters: [{'#' * 15:<30}] 2/4, 2 s left ",
        f"letters: [{'#' * 22:<30}] 3/4, 1 s left ",
        f"letters: [{'#' * 30:<30}] 4/4, 0 s left \n",
    ]


def test_it_is_not_drawn_more_than_ten_times_a_second(capsys, monkeypatch):
    clock = iter([5 + 0.06 * i for i in range(99)])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    list(progress.progress("abcdefg", "letters", True))
    assert re.findall(r"\d/7", capsys.readouterr().err) == [
        "1/7", "3/7", "5/7", "7/7",
    ]  # fmt: skip
