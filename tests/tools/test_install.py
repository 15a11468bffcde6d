"""What `pip install .` brings: the estimators alone, which fit a model without SymPy."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tools.chapters import ROOT

NEEDED = ("numpy", "scipy")
KINDS = (".py", ".json", ".csv", ".gz")
PRESENT = ("sympy", "matplotlib", "pandas", "autograd", "formulae", "matrixproof", "lmmbook")
FIT = """
import importlib.util
import sys
from lmmcore import fit, grouped, load
there = [name for name in sys.argv[1:] if importlib.util.find_spec(name)]
assert not there, there
yields = load("Dyestuff")
print(fit(grouped(yields["Yield"], {"(Intercept)": 1}, {"Batch": yields["Batch"]})).sigma2)
"""


def wheel(package: Path, folder: Path) -> Path:
    """Build the wheel of a package as pip does, without a network."""
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", str(folder), str(package)], check=True, cwd=folder)
    (made,) = folder.glob("*.whl")
    return made


@pytest.mark.parametrize("package", ["lmmcore", "matrixproof", "lmmbook"])
def test_a_wheel_brings_its_package_alone(package, tmp_path):
    made = wheel(ROOT if package == "lmmcore" else ROOT / package, tmp_path)
    names = zipfile.ZipFile(made).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {package}
    files = (path for path in (ROOT / package).rglob("*") if path.suffix in KINDS)
    wanted = {path.relative_to(ROOT).as_posix() for path in files}
    assert wanted <= set(names), wanted - set(names)


def test_an_empty_environment_fits_a_model(tmp_path):
    """With the wheel, NumPy and SciPy, and nothing else, not even what is installed here."""
    zipfile.ZipFile(wheel(ROOT, tmp_path)).extractall(tmp_path / "site")
    installed = Path(sysconfig.get_path("purelib"))
    for name in NEEDED:
        for path in (installed / name, installed / f"{name}.libs"):
            if path.exists():
                (tmp_path / "site" / path.name).symlink_to(path)
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    start = f"import sys; sys.path.append({str(tmp_path / 'site')!r})\n{FIT}"
    done = subprocess.run(
        [sys.executable, "-S", "-P", "-c", start, *PRESENT], cwd=tmp_path, env=environ,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(2451.25, abs=0.01)
