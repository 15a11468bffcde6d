"""Laplace approximations by lmmcore and by its peers, in turn, one thread each.

    python benchmarks/laplace.py [--rounds 3]

Tick counts with three factors by lme4 and glmmTMB, Student-t errors with 4 degrees of freedom and
random slopes, coefficients integrated out, by TMB, which compiles student.cpp first. CPU seconds
are of the whole fit, the making of the model included, and medians of the runs after the first of
each process. Results go to benchmarks/laplace.json. R and Debian's r-cran-lme4, r-cran-glmmtmb and
r-cran-tmb must be there.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
TIMES = 6
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
CASES = {"grouseticks": ("lmmcore", "lme4", "glmmTMB"), "sleepstudy": ("lmmcore", "TMB")}


def child(data: str) -> None:
    """Fit by lmmcore again and again, and print what it took."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    import laplace_models

    cpu = []
    for _ in range(TIMES):
        start = time.process_time()
        if data == "grouseticks":
            fit = laplace_models.grouseticks(["INDEX", "BROOD", "LOCATION"]).fit()
        else:
            fit = laplace_models.sleepstudy(True, "t4", reml=True).fit()
        cpu.append(round(time.process_time() - start, 4))
    print(json.dumps({"version": "0.1.0", "cpu": cpu, "log_likelihood": fit.log_likelihood}))


def run(program: str, data: str, folder: str) -> dict:
    file = ROOT / "lmmcore" / "data" / f"{data}.csv"
    command = [sys.executable, __file__, "--child", data] if program == "lmmcore" else [
        "Rscript", str(HERE / "laplace.R"), program, str(file), str(TIMES), folder]
    done = subprocess.run(command, capture_output=True, text=True, check=True,
                          env={**os.environ, **ONE_THREAD})
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
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return child(options.child)
    results: dict = {"date": datetime.now(UTC).date().isoformat(), "cases": {}}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        results["compile_seconds"] = {"TMB": round(compile_peer(folder), 1)}
        for data, programs in CASES.items():
            rounds = [{p: run(p, data, folder) for p in programs} for _ in range(options.rounds)]
            results["cases"][data] = {
                p: rounds[0][p] | {
                    "cpu": [r[p]["cpu"] for r in rounds],
                    "seconds": statistics.median(s for r in rounds for s in r[p]["cpu"][1:])}
                for p in programs}
            print(data, {p: e["seconds"] for p, e in results["cases"][data].items()}, flush=True)
    (HERE / "laplace.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
