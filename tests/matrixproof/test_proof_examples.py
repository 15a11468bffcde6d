"""The examples in the documentation of the checker run as printed."""

import doctest
import importlib
import pkgutil

import pytest

import matrixproof

MODULES = ["matrixproof"] + [
    f"matrixproof.{m.name}" for m in pkgutil.iter_modules(matrixproof.__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.failed == 0
