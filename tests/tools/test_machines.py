"""Another processor is imitated in earnest, or left out and named; a failure there is a failure."""

import platform

import pytest

from tools import machines
from tools.machines import Machine

X86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="other processors, other kernels")


@X86
def test_the_kernels_asked_for_are_in_force():
    assert machines.kernels(Machine("Nehalem")) == "Nehalem"
    assert machines.kernels(Machine("Nosuch")) not in ("Nosuch", "")


@X86
def test_lowered_loops_are_off():
    named = "from numpy._core._multiarray_umath import __cpu_features__ as f; print(f['X86_V3'])"
    assert machines.said(named, Machine("Nehalem", lowered=True).environment()) == "False"


def test_nothing_of_this_machine_is_kept(monkeypatch):
    monkeypatch.setenv("OPENBLAS_L2_SIZE", "512")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    environment = Machine("Zen", threads=2).environment()
    assert "OPENBLAS_L2_SIZE" not in environment
    assert environment["OMP_NUM_THREADS"] == environment["OPENBLAS_NUM_THREADS"] == "2"


@pytest.mark.parametrize(("code", "outcome"), [(0, "passed"), (1, "FAILED")])
def test_what_is_said_in_the_end(monkeypatch, capsys, code, outcome):
    monkeypatch.setattr(machines, "kernels", lambda asked: asked.kernel.replace("Zen", "Haswell"))
    monkeypatch.setattr(machines, "tests", lambda arguments, environment: code)
    assert machines.main([Machine("Nehalem"), Machine("Zen")]) == code
    said = capsys.readouterr().out
    assert f"Nehalem, 1 thread: {outcome}" in said
    assert "Zen, 1 thread: left out, OpenBLAS takes the kernels of Haswell for it" in said


def test_chapters_that_compute_are_replayed():
    found = machines.recordings()
    assert {"chapters/error-contrasts.ipynb", "chapters/insteval.ipynb"} <= set(found)
    assert "chapters/ledger.ipynb" not in found
