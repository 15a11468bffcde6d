"""The picture of the rooms, in README and reference, shows the folders that exist."""

import re

import pytest

from tools.chapters import ROOT

PICTURE = (ROOT / "site/static/rooms.svg").read_text(encoding="utf-8")
PACKAGES = ("lmmcore", "matrixproof", "lmmbook")
OUTSIDE = {"lmmcore/data"}  # data sets: no code


def drawn(picture):
    """The rooms, and of each package the folders, that a picture names."""
    rooms, folders, room = set(), set(), ""
    for kind, name in re.findall(r'class="(room(?: small)?|part)">([\w.]+)', picture):
        if kind.startswith("room"):
            room = name
            rooms.add(name)
        elif "." not in name:
            folders.add(f"{room}/{name}")
    return rooms, folders


def there():
    """The same of the tree: folders that git tracks, and packages in packages."""
    inside = {
        f"{package}/{path.name}"
        for package in PACKAGES
        for path in (ROOT / package).iterdir()
        if path.is_dir() and any(path.glob("*.py"))
    }
    known = {p.name for p in ROOT.iterdir() if p.is_dir() and p.name[0] not in "._"}
    return known - {"lab"}, inside - OUTSIDE


def test_the_picture_shows_the_rooms():
    assert drawn(PICTURE) == there()


@pytest.mark.parametrize("wrong", ["judges/", "benchmarks/"])
def test_a_picture_of_another_house_is_noticed(wrong):
    assert drawn(PICTURE.replace(wrong, "attic/")) != there()


def test_readme_and_reference_show_it():
    assert "(site/static/rooms.svg)" in (ROOT / "README.md").read_text("utf-8")
    assert "../site/static/rooms.svg" in (ROOT / "chapters/api.md").read_text("utf-8")


def test_the_reference_has_each_module_of_the_estimators():
    page = (ROOT / "chapters/api.md").read_text("utf-8")
    listed = re.findall(r"automodule:: (lmmcore(?:\.\w+)+)$", page, flags=re.M)
    paths = (path.relative_to(ROOT).with_suffix("") for path in (ROOT / "lmmcore").rglob("*.py"))
    modules = {".".join(path.parts).removesuffix(".__init__") for path in paths} - {"lmmcore"}
    assert sorted(listed) == sorted(modules)
