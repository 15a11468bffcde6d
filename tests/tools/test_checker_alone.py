"""The checker stands alone: its folder, installed by itself, needs SymPy and nothing else."""

import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import matrixproof

ROOT = Path(__file__).parents[2]
QUICK = ("judges", "language", *(f"test_proof_{x}.py" for x in ("bank", "examples", "messages")))
PROOF = """
from importlib.util import find_spec
from matrixproof import Setting, StepError, __version__, eye
s = Setting("n k")
n, k = s.dimensions
U, V = s.matrices("U: n,k; V: k,n")
assert s.prove((eye(n) + U*V).I * U, U * (eye(k) + V*U).I).status == "proved"
try:
    s.prove((eye(n) + U*V).I * U, U * (eye(k) - V*U).I)
except StepError as error:
    assert "counterexample" in str(error)
else:
    raise SystemExit("a false line is proved")
strangers = [x for x in ("lmmcore", "lmmbook", "numpy", "scipy", "pytest") if find_spec(x)]
print(__version__, *strangers)
"""


def needed(names, found=None):
    """The distributions that some need, as they declare it, those of extras apart."""
    found = {} if found is None else found
    for name in names:
        if name not in found:
            dist = found[name] = metadata.distribution(name)
            plain = [r for r in dist.requires or () if "extra" not in r and ";" not in r]
            needed([re.match(r"[\w.-]+", r)[0] for r in plain], found)
    return found


def link(names, folder):
    """Put what some distributions install into a folder, without a network."""
    for dist in needed(names).values():
        for top in {Path(f).parts[0] for f in dist.files} - {"..", "__pycache__"}:
            if not (folder / top).exists():
                (folder / top).symlink_to(dist.locate_file(top))


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A folder that holds the installed checker and what it declares to need, and no more."""
    folder = tmp_path_factory.mktemp("alone")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
         "--no-build-isolation", "--target", folder, ROOT / "matrixproof"], check=True,
    )  # fmt: skip
    [installed] = metadata.distributions(name="matrixproof", path=[str(folder)])
    link([re.match(r"[\w.-]+", r)[0] for r in installed.requires], folder)
    return folder


def run(folder, *arguments, at):
    """Python with nothing but this folder and its own library."""
    return subprocess.run(
        [sys.executable, "-S", *arguments], cwd=at, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(folder)}, check=False,
    )  # fmt: skip


@pytest.mark.slow(10, guards=("matrixproof", "tests/matrixproof"))
def test_it_proves_where_nothing_else_is_installed(alone, tmp_path):
    done = run(alone, "-c", PROOF, at=tmp_path)
    assert (done.stderr, done.stdout.split()) == ("", [matrixproof.__version__])


@pytest.mark.slow(10, guards=("matrixproof", "tests/matrixproof"))
def test_its_tests_pass_there(alone, tmp_path):
    shutil.copytree(ROOT / "tests" / "matrixproof", tmp_path / "tests" / "matrixproof")
    (tmp_path / "matrixproof").mkdir()
    shutil.copy(ROOT / "matrixproof" / "README.md", tmp_path / "matrixproof")
    tools = tmp_path / "tools"
    tools.mkdir()
    link(["pytest", "hypothesis", "pygments"], tools)
    chosen = [f"matrixproof/{name}" for name in QUICK]
    done = run(f"{alone}{os.pathsep}{tools}", "-m", "pytest", "-q", "-p", "no:cacheprovider",
               *chosen, at=tmp_path / "tests")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 200
