"""What the fast run leaves out: never what was changed, and nothing for ever."""

import subprocess
from collections import Counter

import pytest

from tools import sample

ITEMS = [f"chapter-{k}" for k in range(23)]


def test_each_has_its_turn_and_each_once():
    turns = Counter()
    for today in range(700, 710):
        turns.update(sample.drawn(ITEMS, 10, str, today))
    assert turns == dict.fromkeys(ITEMS, 1)


def test_what_belongs_together_stays_together():
    cells = [(page, k) for page in "abc" for k in range(4)]
    kept = sample.drawn(cells, 3, lambda cell: cell[0], 1)
    assert kept == [cell for cell in cells if cell[0] == kept[0][0]]


@pytest.mark.parametrize(
    "name",
    ["chapters/profile-reml.md", "chapters/profile-reml.ipynb",
     "lmmbook/exercises/bank/profile_reml.py", "lmmbook/figures/profile_reml.py"],
)  # fmt: skip
def test_a_changed_chapter_is_touched(name):
    assert sample.touched("profile-reml", (), {name})
    assert not sample.touched("profile-likelihood", (), {name})


def test_a_guarded_folder_is_touched():
    assert sample.touched("", ("site/",), {"README.md", "site/static/book.css"})
    assert not sample.touched("", ("site/",), {"README.md", "tests/site/browsing.py"})


def test_the_day_can_be_asked_for(monkeypatch):
    monkeypatch.setenv(sample.DAY, "3")
    assert sample.day() == 3
    monkeypatch.delenv(sample.DAY)
    assert sample.day() > 739_000


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A branch of main with a commit, an edit and a new file."""
    monkeypatch.setattr(sample, "ROOT", tmp_path)

    def git(*arguments):
        named = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *named, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-b", "main")
    for name in ("old", "last", "committed", "edited"):
        (tmp_path / name).write_text("1")
        git("add", name)
        git("commit", "-m", name)
    return tmp_path, git


def test_on_a_branch_all_of_it_is_changed(repository):
    folder, git = repository
    git("checkout", "-b", "branch")
    (folder / "committed").write_text("2")
    git("commit", "-am", "more")
    (folder / "edited").write_text("2")
    (folder / "new").write_text("2")
    assert sample.changed() == {"committed", "edited", "new"}


def test_on_main_the_last_commit_is_changed(repository):
    folder, _ = repository
    (folder / "old").write_text("2")
    assert sample.changed() == {"edited", "old"}


def test_without_a_repository_nothing_is(tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "ROOT", tmp_path)
    assert sample.changed() == set()
