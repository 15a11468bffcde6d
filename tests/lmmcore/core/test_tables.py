"""Results as text and as HTML, to the letter."""

from lmmcore.tables import Report, aligned, html, number, probability

ROWS = [
    ["Group", "Name", "Variance", "Corr"],
    ["Subject", "(Intercept)", "612.09", ""],
    ["", "Days", "35.072", "0.066"],
]


class Small(Report):
    def _title(self):
        return "A title\nof two lines"

    def _captioned(self):
        return [("Effects", ROWS), ("Fixed", [["", "t"], ["a < b", "1"]])]

    def _remarks(self):
        return ["word " * 15 + "finish", "x & y"]


class Bare(Small):
    def _remarks(self):
        return []


def test_names_to_the_left_and_numbers_to_the_right():
    assert aligned(ROWS) == [
        " Group    Name         Variance   Corr",
        " Subject  (Intercept)    612.09",
        "          Days           35.072  0.066",
    ]
    assert aligned([["", "long head"], ["name", "1"]]) == ["       long head", " name          1"]


def test_a_report():
    words = " ".join(["word"] * 15)
    assert Small().summary().splitlines() == [
        "A title", "of two lines", "",
        "Effects:", *aligned(ROWS), "",
        "Fixed:", "        t", " a < b  1", "",
        f"{words}", "finish", "x & y",
    ]  # fmt: skip
    assert len(words) == 74
    assert str(Bare()).endswith(" a < b  1")


def test_lines_of_remarks_have_up_to_78_characters():
    class Long(Bare):
        def _remarks(self):
            return ["a" * 74 + " bcd", "a" * 74 + " bcde"]

    assert Long().summary().splitlines()[-3:] == ["a" * 74 + " bcd", "a" * 74, "bcde"]


def test_html():
    page = Small()._repr_html_()
    assert page.startswith("<div><p>A title</p><p>of two lines</p><table>")
    assert "<caption>Effects</caption>" in page and "<td>a &lt; b</td>" in page
    assert page.endswith("<p>x &amp; y</p></div>")
    assert html("C", [["a", "b"], ["1", "2"], ["3", "4"]]) == (
        '<table><caption>C</caption><tr><th scope="col">a</th><th scope="col">b</th></tr>'
        "<tr><td>1</td><td>2</td></tr><tr><td>3</td><td>4</td></tr></table>"
    )


def test_numbers():
    assert [number(x) for x in (612.0912, 0.000123456, float("nan"))] == [
        "612.09", "0.00012346", "-",
    ]  # fmt: skip
    assert number(3.14159, 3) == "3.14"
    found = [probability(p) for p in (0.12345, 1e-16, 9e-17, float("nan"))]
    assert found == ["0.123", "1e-16", "<1e-16", "-"]
