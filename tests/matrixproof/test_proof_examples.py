"""The examples in the documentation of the checker run as printed, and its README's too."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import matrixproof

MODULES = ["matrixproof"] + [
    m.name for m in pkgutil.walk_packages(matrixproof.__path__, "matrixproof.")
]
README = Path(__file__).parents[2] / "matrixproof" / "README.md"


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_some_modules_have_examples():
    found = [x for name in MODULES for x in doctest.DocTestFinder().find(
        importlib.import_module(name)) if x.examples]  # fmt: skip
    assert len(found) >= 4


def test_readme():
    outcome = doctest.testfile(str(README), module_relative=False)
    assert outcome.attempted >= 8 and outcome.failed == 0
