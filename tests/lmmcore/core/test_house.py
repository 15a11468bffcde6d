"""The house: how long files and functions are, what a name means, and what stays private."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CORE = ["__init__", "model", "columns", "criterion", "profile", "maximisation", "fitting",
        "results", "tables", "data"]  # and covariance/: what a reader of "A first fit" meets
# the same quantities, by definition and by another way, called by the name of their module
BOTH_WAYS = {"gls", "profile_log_likelihood", "log_likelihood", "score"}


def files(package):
    return sorted((ROOT / package).rglob("*.py"))


def length(*paths):
    return sum(len(path.read_text("utf-8").splitlines()) for path in paths)


def lines_of_code(function, text):
    """The lines of its body that are neither blank, nor comments, nor of a docstring."""
    said = set()
    for node in ast.walk(function):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node):
            said |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = text.splitlines()
    return sum(1 for number in range(function.body[0].lineno, function.end_lineno + 1)
               if number not in said and lines[number - 1].strip()
               and not lines[number - 1].strip().startswith("#"))


def long_functions(text):
    return [(node.name, lines_of_code(node, text)) for node in ast.walk(ast.parse(text))
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            and lines_of_code(node, text) > 35]


def private(name):
    return name.startswith("_") and not name.endswith("__")


def foreign_private_names(text):
    """Underscore names that are imported, or taken from what was imported."""
    tree, taken, imported = ast.parse(text), [], set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            taken += [alias.name for alias in node.names if private(alias.name)]
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            imported |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return taken + [f"{ast.unparse(node.value)}.{node.attr}" for node in ast.walk(tree)
                    if isinstance(node, ast.Attribute) and private(node.attr)
                    and isinstance(node.value, (ast.Name, ast.Attribute))
                    and ast.unparse(node.value).split(".")[0] in imported]


def names_twice(texts):
    """Public classes and functions that two modules define, {name: modules}."""
    where = defaultdict(list)
    for module, text in texts.items():
        for node in ast.parse(text).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                where[node.name].append(module)
    return {name: modules for name, modules in where.items() if len(modules) > 1}


EVERY = pytest.mark.parametrize("path", [
    pytest.param(path, id=str(path.relative_to(ROOT)))
    for package in ("lmmcore", "matrixproof", "lmmbook") for path in files(package)])


@EVERY
def test_a_file_can_be_read_in_one_sitting_and_a_function_at_one_glance(path):
    assert length(path) <= 450
    assert long_functions(path.read_text("utf-8")) == []


@EVERY
def test_private_names_stay_in_their_module(path):
    assert foreign_private_names(path.read_text("utf-8")) == []


def test_the_estimators_are_small():
    core = [ROOT / "lmmcore" / f"{name}.py" for name in CORE] + files("lmmcore/covariance")
    assert length(*core) <= 3000
    assert length(*files("lmmcore")) <= 10_500


def test_a_name_means_one_thing():
    texts = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in files("lmmcore")}
    assert set(names_twice(texts)) <= BOTH_WAYS


def test_a_class_has_one_meaning_in_all_packages():
    texts = {str(path.relative_to(ROOT)): path.read_text("utf-8")
             for package in ("lmmcore", "matrixproof", "lmmbook") for path in files(package)}
    twice = names_twice(texts)
    assert not [name for name in twice if name[0].isupper()], twice


def test_these_tests_see_what_they_forbid():
    body = "\n".join(f"    x = {i}" for i in range(35))
    allowed = f'def f():\n    """Long\n    said."""\n    # why\n\n{body}\n'
    assert long_functions(allowed) == []
    assert long_functions(allowed + "    return x\n") == [("f", 36)]
    assert foreign_private_names("from a import _b\nimport c\nc._d()\nc.e._f()\n") == [
        "_b", "c._d", "c.e._f"]
    assert foreign_private_names("import c\nself._x = c.__name__\np = q._replace(a=1)\n") == []
    assert names_twice({"a": "class A: 0\ndef _f(): 0\n", "b": "def A(): 0\ndef _f(): 0\n",
                        "c": "def g(): 0\n"}) == {"A": ["a", "b"]}
