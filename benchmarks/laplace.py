"""Laplace approximations by lmmcore and by its peers, in turn, one thread each.

    python benchmarks/laplace.py --python PEERS/bin/python    # where requirements.txt is installed

Tick counts with three factors by lme4, glmmTMB and glmm; Student-t errors with 4 degrees of freedom
and random slopes, coefficients integrated out, by TMB, which compiles student.cpp first. CPU
seconds are of the whole fit, the making of the model included, and medians of the runs after the
first of each process. Then the derivatives of the tick counts' joint density, by the tapes of
lmmcore, by autograd without them, and by JAX. Results go to benchmarks/laplace.json, and the
chapter "Laplace" shows them. R and Debian's r-cran-lme4, r-cran-glmmtmb and r-cran-tmb must be
there.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from run import ONE_THREAD, machine

HERE = Path(__file__).parent
ROOT = HERE.parent
TIMES = 6
REPEATS = 200  # of one derivative
CASES = {"grouseticks": ("lmmcore", "lme4", "glmmTMB", "glmm"), "sleepstudy": ("lmmcore", "TMB")}
FORMULA = "TICKS ~ YEAR + cHEIGHT + (1 | INDEX) + (1 | BROOD) + (1 | LOCATION)"
LIBRARIES = ("tapes", "autograd", "jax")
Calls = dict[str, Callable[[], Any]]
QUIET = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"}


def fitter(program: str, data: str) -> Callable[[], float]:
    """A function that fits once and returns the log likelihood."""
    if program == "glmm":
        import csv

        import glmm

        with (ROOT / "lmmcore" / "data" / f"{data}.csv").open() as file:
            rows = list(csv.DictReader(file))
        numbers = ("TICKS", "cHEIGHT")
        columns = {n: np.array([r[n] for r in rows], float if n in numbers else str)
                   for n in rows[0]}
        # no tests of terms, which would fit smaller models too
        return lambda: glmm.fit(columns, FORMULA, "poisson", anova_test="Wald").loglik
    import laplace_models

    if data == "grouseticks":
        factors = ["INDEX", "BROOD", "LOCATION"]
        return lambda: laplace_models.grouseticks(factors).fit().log_likelihood
    return lambda: laplace_models.sleepstudy(True, "t4", reml=True).fit().log_likelihood


def fit_again_and_again(program: str, data: str) -> dict[str, Any]:
    fit, cpu = fitter(program, data), []
    for _ in range(TIMES):
        start = time.process_time()
        value = fit()
        cpu.append(round(time.process_time() - start, 4))
    version = "0.1.0" if program == "lmmcore" else importlib.metadata.version(program)
    return {"version": version, "cpu": cpu, "log_likelihood": value}


def library(name: str) -> dict[str, float]:
    """CPU seconds until all derivatives are there, and of one call of each."""
    from ticks import arrays, density

    start = time.process_time()
    importlib.import_module("jax.numpy" if name == "jax" else "autograd.numpy")
    found = {"import": time.process_time() - start, "megabytes": megabytes(name)}
    if name == "tapes":
        import lmmcore.laplace  # noqa: F401  its own import is not the library's
    start = time.process_time()
    made = {"tapes": with_tapes, "autograd": with_autograd, "jax": with_jax}[name](density, arrays)
    found["prepare"] = time.process_time() - start
    for what, call in made.items():
        call()
        start = time.process_time()
        for _ in range(REPEATS):
            call()
        found[what] = (time.process_time() - start) / REPEATS
    return found


def megabytes(name: str) -> float:
    """What is installed for this library alone, NumPy and SciPy being there anyway."""
    parts = ("jax", "jaxlib", "ml_dtypes", "opt_einsum") if name == "jax" else ("autograd",)
    files = [file for part in parts for file in importlib.metadata.files(part) or ()]
    return round(sum(f.locate().stat().st_size for f in files if f.locate().exists()) / 1e6, 1)


def with_tapes(density: Callable[..., Any], x: list[np.ndarray]) -> Calls:
    import autograd.numpy as library

    from lmmcore.laplace.tape import Tape

    every = range(len(x))
    value = Tape(lambda *x: [density(library, *x)], *x)
    gradient = Tape(lambda *x: value.backwards(x, every)[1]([1.0]), *x)
    product = Tape(lambda *z: gradient.backwards(z[: len(x)], every)[1](z[len(x) :]), *x, *x)
    third = Tape(lambda *z: product.backwards(z[: 2 * len(x)], every)[1](z[2 * len(x) :]),
                 *x, *x, *x)
    return {"value": lambda: value(*x), "gradient": lambda: gradient(*x),
            "product": lambda: product(*x, *x), "third": lambda: third(*x, *x, *x)}


def with_autograd(density: Callable[..., Any], x: list[np.ndarray]) -> Calls:
    import autograd.numpy as library
    from autograd import grad

    def value(x: Any) -> Any:
        return density(library, *x)

    def along(x: Any) -> Any:
        return sum(library.sum(a * b) for a, b in zip(gradient(x), fixed, strict=True))

    def twice(x: Any) -> Any:
        return sum(library.sum(a * b) for a, b in zip(product(x), fixed, strict=True))

    fixed, gradient = x, grad(value)
    product, third = grad(along), grad(twice)
    return {"value": lambda: value(x), "gradient": lambda: gradient(x),
            "product": lambda: product(x), "third": lambda: third(x)}


def with_jax(density: Callable[..., Any], x: list[np.ndarray]) -> Calls:
    import jax
    import jax.numpy as library

    jax.config.update("jax_enable_x64", True)

    def value(x: Any) -> Any:
        return density(library, *x)

    def product(x: Any, v: Any) -> Any:
        return jax.vjp(jax.grad(value), x)[1](v)[0]

    def third(x: Any, v: Any, w: Any) -> Any:
        return jax.vjp(lambda x: product(x, v), x)[1](w)[0]

    x = [library.asarray(a) for a in x]
    compiled = {"value": (value, 1), "gradient": (jax.grad(value), 1), "product": (product, 2),
                "third": (third, 3)}
    ready = {name: (jax.jit(f).lower(*[x] * n).compile(), n) for name, (f, n) in compiled.items()}
    return {name: lambda f=f, n=n: jax.block_until_ready(f(*[x] * n))
            for name, (f, n) in ready.items()}


def run(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={
        **os.environ, **ONE_THREAD, **QUIET,
        "PYTHONPATH": os.pathsep.join(str(p) for p in (HERE, ROOT, ROOT / "tests"))})
    return json.loads(done.stdout.splitlines()[-1])


def compile_peer(folder: str) -> float:
    """CPU seconds that TMB takes to compile the model."""
    (Path(folder) / "student.cpp").write_text((HERE / "student.cpp").read_text())
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["Rscript", "-e", "TMB::compile('student.cpp')"], cwd=folder, check=True,
                   capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default=sys.executable, help="interpreter with glmm and JAX")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", nargs=2, metavar=("PROGRAM", "DATA"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        program, data = options.child
        print(json.dumps(library(program) if data == "derivatives"
                         else fit_again_and_again(program, data)))
        return
    file, own = str(Path(__file__)), sys.executable
    results: dict[str, Any] = {"date": datetime.now(UTC).date().isoformat(), "machine": machine(),
                               "cases": {}, "libraries": {}}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        results["compile_seconds"] = {"TMB": round(compile_peer(folder), 1)}
        for data, programs in CASES.items():
            table = str(ROOT / "lmmcore" / "data" / f"{data}.csv")
            commands = {
                p: [own if p == "lmmcore" else options.python, file, "--child", p, data]
                if p in ("lmmcore", "glmm") else
                ["Rscript", str(HERE / "laplace.R"), p, table, str(TIMES), folder]
                for p in programs}
            rounds = [{p: run(c) for p, c in commands.items()} for _ in range(options.rounds)]
            results["cases"][data] = {
                p: rounds[0][p] | {
                    "cpu": [r[p]["cpu"] for r in rounds],
                    "seconds": statistics.median(s for r in rounds for s in r[p]["cpu"][1:])}
                for p in programs}
            print(data, {p: e["seconds"] for p, e in results["cases"][data].items()}, flush=True)
    for name in LIBRARIES:
        python = options.python if name == "jax" else own
        rounds = [run([python, file, "--child", name, "derivatives"])
                  for _ in range(options.rounds)]
        results["libraries"][name] = {
            what: statistics.median(r[what] for r in rounds) for what in rounds[0]}
        print(name, results["libraries"][name], flush=True)
    (HERE / "laplace.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
