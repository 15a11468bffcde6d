"""The lecturer's page: every exercise is listed once, and every chapter of a plan exists."""

import pytest

from lmmbook.exercises import course, exercises
from tools.chapters import ROOT, pages


def test_every_exercise_is_in_one_table():
    rows = [row for title in course.SESSIONS for row in course.goals(title).rows]
    listed = [i for row in rows for part in row[2].split("; ") for i in words(part)]
    assert sorted(listed) == sorted(exercises())


def words(part):
    """The exercises of "derive: one, two"."""
    return part.partition(": ")[2].split(", ") if part else []


def test_chapters_of_the_plans_are_in_the_book():
    known = {page.stem for page in pages()}
    for session in course.SESSIONS.values():
        assert set(session.chapters) | set(session.further) <= known
        assert all({**session.chapters, **session.further}.values())


@pytest.mark.parametrize("name", course.PLANS)
def test_plan(name):
    table = course.plan(name)
    assert [row[0] for row in table.rows] == list(course.PLANS[name])
    assert all(len(row) == len(table.header) for row in (*table.rows, *table.html))


def test_a_longer_course_has_all_sessions_of_a_shorter_one():
    one, two, four = (set(course.PLANS[f"{n} week{'s' * (n != 'one')}"])
                      for n in ("one", "two", "four"))
    assert one < two < four
    assert four - two == {"Beyond"}


def test_counts_are_of_the_exercises():
    (row,) = (r for r in course.plan("one week").rows if r[0] == "ANOVA")
    found = course.of_chapter("one-way-anova") + course.of_chapter("lab-one-way-anova")
    assert row[3].startswith(f"{len(found)}: ")


def test_unknown_names():
    with pytest.raises(ValueError, match="no plan 'a day'"):
        course.plan("a day")
    with pytest.raises(ValueError, match="no session 'Lunch'"):
        course.goals("Lunch")


def test_the_page_shows_every_session():
    text = (ROOT / "chapters" / "course.md").read_text(encoding="utf-8")
    for title in course.SESSIONS:
        assert f'course.goals("{title}")' in text
