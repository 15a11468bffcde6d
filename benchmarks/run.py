"""Fits by lmmcore and by what people would use instead, side by side, one thread each.

    python benchmarks/run.py                                  # everything that is installed
    python benchmarks/run.py --python PEERS/bin/python        # where requirements.txt is installed
    python benchmarks/run.py --cases slopes-1e4 insteval      # some of it; the rest stays recorded
    python benchmarks/run.py --cases --rows 1e6 1e7 1e8       # files that need not fit in memory
    python benchmarks/run.py --cases --ways                   # one solve, five ways, against n

lme4, glmmTMB and TMB are looked for in R (Debian: r-cran-lme4 r-cran-glmmtmb r-cran-tmb
libopenblas0). Every program runs in a fresh process for every case, on the same data, which are
made here from a seed. CPU seconds are of the whole fit from a table and a formula, and are medians
over several rounds, of the runs after the first, which loads and allocates what the others find.
Peak memory is that of the process after its first fit, interpreter and data included. Results go
to benchmarks/results.json, and the chapter "What a fit costs" shows them.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in (
    "OMP", "OPENBLAS", "MKL", "RAYON", "NUMEXPR", "POLARS_MAX")}
GROUPS = 10_000  # in the files that are passed over once
IN_MEMORY = 2e7  # rows up to which the fit is also made from the rows
SECONDS, TIMES = 3.0, 5  # a program fits twice, and again until either is used up
ROUNDS = 3  # in which every program has its turn, so that they share the machine's moods
IN_R = ("lme4", "glmmTMB", "TMB")
NESTED = ("lmmcore", "lme4", "glmmTMB", "statsmodels", "mixedlm", "mixedlm-rs", "glmm")
CROSSED = ("lmmcore", "lme4", "glmmTMB", "mixedlm", "glmm")
FAST = ("lmmcore", "mixedlm", "mixedlm-rs", "glmm")

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """A model, its data, and the programs that can fit it in less than a few minutes."""

    title: str
    formula: str
    data: Callable[[], Columns]
    programs: tuple[str, ...]
    factors: tuple[str, ...] = ("g",)
    size: int = 0  # groups, or length of a series: what growth is measured against
    family: str = field(default="")  # cases whose growth is one line


def slopes(groups: int, rows: int = 10, seed: int = 1) -> Columns:
    """Random intercept and slope; as many rows in every group, at places of its own."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(groups), rows)
    x = rng.standard_normal(groups * rows)
    u = rng.standard_normal((groups, 2)) @ np.array([[1.0, 0.3], [0.0, 0.5]])
    return {"y": 2.0 + x + u[g, 0] + u[g, 1] * x + rng.standard_normal(len(g)), "x": x, "g": g}


def one_way(groups: int, rows: int, seed: int = 2) -> Columns:
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(groups), rows)
    return {"y": 2.0 + 0.7 * rng.standard_normal(groups)[g] + rng.standard_normal(len(g)), "g": g}


def crossed(a: int, b: int, n: int, seed: int = 3) -> Columns:
    rng = np.random.default_rng(seed)
    i, j = rng.integers(0, a, n), rng.integers(0, b, n)
    y = 2.0 + rng.standard_normal(a)[i] + 0.7 * rng.standard_normal(b)[j] + rng.standard_normal(n)
    return {"y": y, "a": i, "b": j}


def pupils(pupils: int, schools: int, rows: int, seed: int = 6) -> Columns:
    """So many pupils, measured in up to eight years, whose line depends on pupil and on school."""
    rng = np.random.default_rng(seed)
    child = np.sort(rng.integers(0, pupils, rows))
    school = rng.integers(0, schools, pupils)[child]
    year, female = rng.integers(-3, 4, rows) + 0.5, rng.integers(0, 2, pupils)[child]
    u = rng.standard_normal((pupils, 2)) @ np.array([[0.8, 0.1], [0.0, 0.1]])
    y = 0.7 * year + 0.2 * female + u[child, 0] + u[child, 1] * year \
        + 0.4 * rng.standard_normal(schools)[school] + 0.55 * rng.standard_normal(rows)
    return {"y": y, "year": year, "female": female, "child": child, "school": school}


def nested(batches: int, samples: int, rows: int, seed: int = 4) -> Columns:
    """So many samples in each batch, so many rows of each sample."""
    rng = np.random.default_rng(seed)
    sample = np.repeat(np.arange(batches * samples), rows)
    batch = sample // samples
    y = 2.0 + 0.7 * rng.standard_normal(batches)[batch] \
        + rng.standard_normal(batches * samples)[sample] + rng.standard_normal(len(sample))
    return {"y": y, "batch": batch, "sample": sample}


def autoregression(length: int, seed: int = 5) -> Columns:
    """A stationary series of autocorrelation 0.9 and standard deviation 1, and noise of 0.7."""
    from scipy.signal import lfilter  # here, since the fits of other cases do without

    rng = np.random.default_rng(seed)
    shocks = rng.standard_normal(length)
    shocks[1:] *= np.sqrt(1 - 0.9**2)
    return {"y": 3.0 + lfilter([1.0], [1.0, -0.9], shocks) + 0.7 * rng.standard_normal(length)}


def recorded(name: str, columns: tuple[str, ...]) -> Columns:
    from lmmcore import load

    data = load(name)
    out = {c: data[c] for c in columns}
    return {c: v if v.dtype.kind == "f" else np.unique(v, return_inverse=True)[1]
            for c, v in out.items()}


SERIES = "y = mu + AR(1) + noise"
INTERCEPT, SLOPE = "y ~ 1 + (1 | g)", "y ~ x + (x | g)"
INSTEVAL = "y ~ service + (1 | s) + (1 | d) + (1 | dept)"
CASES = {
    "sleepstudy": Case(
        "sleepstudy, intercept and slope", "Reaction ~ Days + (Days | Subject)",
        lambda: recorded("sleepstudy", ("Reaction", "Days", "Subject")), NESTED, ("Subject",)),
    "slopes-1e3": Case("slopes, 1,000 groups of 10", SLOPE, lambda: slopes(1000), NESTED,
                       size=1000, family="slopes"),
    "slopes-1e4": Case("slopes, 10,000 groups of 10", SLOPE, lambda: slopes(10_000), NESTED,
                       size=10_000, family="slopes"),
    "slopes-1e5": Case("slopes, 100,000 groups of 10", SLOPE, lambda: slopes(100_000),
                       ("lme4", *FAST), size=100_000, family="slopes"),
    "slopes-1e6": Case("slopes, 1,000,000 groups of 10", SLOPE, lambda: slopes(1_000_000),
                       ("lmmcore", "mixedlm-rs", "glmm"), size=1_000_000, family="slopes"),
    "one-way-1e4x100": Case("one-way, 10,000 groups of 100", INTERCEPT,
                            lambda: one_way(10_000, 100), ("lme4", *FAST)),
    "one-way-1e5x10": Case("one-way, 100,000 groups of 10", INTERCEPT,
                           lambda: one_way(100_000, 10), ("lme4", *FAST)),
    "crossed-1e4": Case("crossed, 500 by 100 levels, n = 10,000", "y ~ 1 + (1 | a) + (1 | b)",
                        lambda: crossed(500, 100, 10_000), CROSSED, ("a", "b")),
    "crossed-1e5": Case("crossed, 5,000 by 1,000 levels, n = 100,000", "y ~ 1 + (1 | a) + (1 | b)",
                        lambda: crossed(5000, 1000, 100_000), CROSSED, ("a", "b")),
    "pupils": Case("slopes of 1,721 pupils in 60 schools, n = 7,230",
                   "y ~ year + female + (year | child) + (1 | school)",
                   lambda: pupils(1721, 60, 7230), CROSSED, ("child", "school")),
    "nested-1e5": Case("nested, 20,000 samples in 2,000 batches, n = 100,000",
                       "y ~ 1 + (1 | sample) + (1 | batch)", lambda: nested(2000, 10, 5),
                       ("lmmcore", "lme4", "mixedlm", "glmm"), ("batch", "sample")),
    "insteval": Case("InstEval, three crossed factors, n = 73,421", INSTEVAL,
                     lambda: recorded("InstEval", ("y", "service", "s", "d", "dept")), CROSSED,
                     ("s", "d", "dept")),
} | {
    f"series-1e{power}": Case(
        f"autoregression and noise, {10**power:,} times", SERIES,
        lambda power=power: autoregression(10**power),
        ("lmmcore", "TMB") if power < 6 else ("lmmcore",), size=10**power, family="series")
    for power in (4, 5, 6)
}


def write(case: Case, folder: Path) -> None:
    """The columns as doubles, one file each: every program reads the same bytes."""
    for name, values in case.data().items():
        kind = "factor" if name in case.factors else "real"
        values.astype("<f8").tofile(folder / f"{name}.{kind}")


def read(folder: Path) -> Columns:
    return {file.stem: np.fromfile(file).astype(np.int64 if file.suffix == ".factor" else float)
            for file in sorted(folder.iterdir()) if file.suffix in (".real", ".factor")}


def fitter(program: str, formula: str, columns: Columns) -> Callable[[], float]:
    """A function that fits once, by REML, and returns the log likelihood."""
    if program == "lmmcore":
        import lmmcore

        if formula == SERIES:
            return lambda: lmmcore.fit(
                lmmcore.series(columns["y"], {"(Intercept)": 1})).log_likelihood
        return lambda: lmmcore.fit(lmmcore.from_formula(formula, columns)).log_likelihood
    if program == "glmm":
        import glmm

        return lambda: glmm.fit(columns, formula, satterthwaite=False).loglik
    import pandas

    frame = pandas.DataFrame(columns)
    if program == "mixedlm":
        import mixedlm

        return lambda: mixedlm.lmer(formula, frame).logLik().value
    fixed, bar = formula.replace(")", "").split(" + (")
    effects, group = bar.split(" | ")
    if program == "mixedlm-rs":
        from mixedlm_rs import mixedlm as make
    else:
        from statsmodels.formula.api import mixedlm as make
    return lambda: make(fixed, frame, groups=group, re_formula="~" + effects).fit().llf


def peak_memory() -> int:
    """Megabytes at most resident so far, of this process only."""
    with contextlib.suppress(OSError):  # getrusage would count what the parent had when it forked
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(s for s in lines if s.startswith("VmHWM")).split()[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def child(program: str, folder: Path, formula: str) -> None:
    """Fit again and again, and print what it took."""
    warnings.simplefilter("ignore")
    fit = fitter(program, formula, read(folder))
    cpu: list[float] = []
    while len(cpu) < 2 or (len(cpu) < TIMES and sum(cpu) < SECONDS):
        start = time.process_time()
        value = fit()
        cpu.append(round(time.process_time() - start, 5))
        if len(cpu) == 1:
            peak = peak_memory()
    print(json.dumps({"version": importlib.metadata.version(program), "cpu": cpu,
                      "peak_mb": peak, "log_likelihood": float(value)}))


def run(program: str, case: Case, folder: Path, python: str) -> dict[str, Any]:
    """One program on one case, in a process of its own."""
    if program in IN_R:
        command = ["Rscript", str(HERE / "peers.R"), program, str(folder), case.formula,
                   str(SECONDS), str(TIMES)]
    else:
        own = sys.executable if program == "lmmcore" else python
        command = [own, __file__, "--child", program, str(folder), case.formula]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=1800,
                              env={**os.environ, **ONE_THREAD})
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"failed": type(error).__name__}
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no message"])[-1][:200]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def joined(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """One result from those of a program's rounds."""
    if "failed" in rounds[0]:
        return rounds[0]
    cpu = [round_["cpu"] for round_ in rounds if "cpu" in round_]
    return rounds[0] | {"cpu": cpu, "seconds": statistics.median(
        seconds for runs in cpu for seconds in runs[1:])}


def write_rows(rows: int, file: Path) -> None:
    """A Parquet file of so many rows in 10,000 groups, made by the database from random numbers."""
    import duckdb

    normal = "sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())"
    with duckdb.connect() as database:
        database.execute("SET threads = 1; SET memory_limit = '1GB'; SELECT setseed(0.5)")
        database.execute(f"""
            CREATE TABLE effects AS SELECT range AS g, {normal} AS u, 0.5 * ({normal}) AS v
            FROM range({GROUPS})""")
        database.execute(f"""
            COPY (SELECT g, x, 2 + x + u + v * x + noise AS y FROM effects JOIN
                  (SELECT range % {GROUPS} AS g, {normal} AS x, {normal} AS noise
                   FROM range({rows})) USING (g))
            TO '{file}' (FORMAT parquet)""")


def one_pass(file: Path) -> None:
    """Sums by a query, then the fit: seconds of either, and the memory of both."""
    import duckdb

    from lmmcore import fit
    from lmmcore.fast.sums import CrossProducts

    sums = CrossProducts(SLOPE)
    start = time.process_time()
    with duckdb.connect() as database:
        database.execute("SET threads = 1")
        table = database.sql(sums.query(f"'{file}'")).fetchnumpy()
    between = time.process_time()
    result = fit(sums.model(table))
    print(json.dumps({"query": between - start, "fit": time.process_time() - between,
                      "peak_mb": peak_memory(),
                      "log_likelihood": result.log_likelihood, "rows": result.model.n,
                      "version": duckdb.__version__}))


def in_memory(file: Path) -> None:
    """The same fit from the rows themselves."""
    import duckdb

    from lmmcore import fit, from_formula

    with duckdb.connect() as database:
        columns = database.sql(f"SELECT * FROM '{file}'").fetchnumpy()
    result = fit(from_formula(SLOPE, columns))
    print(json.dumps({
        "peak_mb": peak_memory(),
        "log_likelihood": result.log_likelihood}))


def separately(*command: str | Path) -> dict[str, Any]:
    """What a Python process of its own prints."""
    done = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True,
                          env={**os.environ, **ONE_THREAD}, check=True)
    return json.loads(done.stdout)


def machine() -> dict[str, str]:
    """In general words: what a reader needs to judge the numbers by."""
    model = "unknown processor"
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return {"processor": model, "cores": str(os.cpu_count()), "system": platform.system(),
            "python": platform.python_version(),
            "libraries": ", ".join(f"{p} {importlib.metadata.version(p)}"
                                   for p in ("numpy", "scipy"))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default=sys.executable, help="interpreter with the peers")
    parser.add_argument("--cases", nargs="*", default=list(CASES))
    parser.add_argument("--programs", nargs="*", help="only these")
    parser.add_argument("--rows", nargs="*", type=float, default=[], help="files of so many rows")
    parser.add_argument("--ways", action="store_true", help="one solve, five ways, against n")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--one-pass", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--in-memory", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--child", nargs=3, metavar=("PROGRAM", "FOLDER", "FORMULA"),
                        help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return child(options.child[0], Path(options.child[1]), options.child[2])
    if options.one_pass:
        return one_pass(options.one_pass)
    if options.in_memory:
        return in_memory(options.in_memory)
    results = json.loads(options.output.read_text()) if options.output.exists() else {"cases": {}}
    results["machine"], results["date"] = machine(), datetime.now(UTC).date().isoformat()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        if any("TMB" in CASES[name].programs for name in options.cases):
            shutil.copy(HERE / "ar1.cpp", scratch)
            subprocess.run(["Rscript", "-e", "TMB::compile('ar1.cpp')"], cwd=scratch,
                           capture_output=True, check=False)
        for name in options.cases:
            case, folder = CASES[name], Path(scratch) / name
            folder.mkdir()
            write(case, folder)
            entry = results["cases"].setdefault(name, {})
            entry |= {"title": case.title, "formula": case.formula, "size": case.size,
                      "family": case.family}
            programs = entry.setdefault("programs", {})
            wanted = [p for p in case.programs if p in (options.programs or case.programs)]
            rounds: dict[str, list[dict[str, Any]]] = {program: [] for program in wanted}
            for _ in range(ROUNDS):
                for program in wanted:
                    rounds[program].append(run(program, case, folder, options.python))
            for program in wanted:
                programs[program] = joined(rounds[program])
                print(name, program, programs[program], flush=True)
            shutil.rmtree(folder)
            options.output.write_text(json.dumps(results, indent=1) + "\n")
        if options.ways:
            results["ways"] = separately(HERE / "ways.py")
            options.output.write_text(json.dumps(results, indent=1) + "\n")
        for rows in map(int, options.rows):
            file = Path(scratch) / "rows.parquet"
            write_rows(rows, file)
            entry = separately(__file__, "--one-pass", file)
            entry["file_mb"] = file.stat().st_size // 2**20
            if rows <= IN_MEMORY:
                entry["in_memory"] = separately(__file__, "--in-memory", file)
            results.setdefault("one_pass", {})[f"{rows:.0e}"] = entry
            print(rows, entry, flush=True)
            options.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
