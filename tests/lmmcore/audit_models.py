"""Twenty-seven small data sets of awkward shapes and scales, for comparison with lme4.

``python tests/audit_models.py FOLDER`` writes them as CSV files for ``references/audit.R``.
"""

import csv
import sys
from pathlib import Path

import numpy as np

SEED = 20261121


def audit_models() -> dict[str, tuple[str, dict[str, np.ndarray]]]:
    """Formula and columns of each model by its name."""
    rng = np.random.default_rng(SEED)
    normal, models = rng.standard_normal, {}

    def add(name, formula, **columns):
        models[name] = formula, {key: np.asarray(c) for key, c in columns.items()}

    def labels(prefix, codes):
        return np.array([f"{prefix}{i:03d}" for i in codes])

    n = 60
    g, x, e = rng.integers(0, 8, n), normal(n), normal(n)
    y = 5 + x + 1.3 * normal(8)[g] + e
    group = labels("g", g)
    intercept = "y ~ x + (1|g)"
    add("scale_up", intercept, y=y * 1e8, x=x, g=group)
    add("scale_down", intercept, y=y * 1e-8, x=x, g=group)
    add("x_small", intercept, y=y, x=x * 1e-6, g=group)
    add("x_large", intercept, y=y, x=x * 1e6, g=group)
    add("offset", intercept, y=y + 1e6, x=x + 1e4, g=group)

    xs = normal(n)
    b = normal((8, 2)) @ np.array([[1.0, 0.5], [0, 0.8]])
    ys, slope = y + b[g, 1] * xs, "y ~ x + (x|g)"
    add("slope", slope, y=ys, x=xs, g=group)
    add("slope_small_x", slope, y=ys, x=xs * 1e-4, g=group)
    add("slope_far_x", slope, y=ys, x=xs + 50, g=group)
    add("double_bar", "y ~ x + (x||g)", y=ys, x=xs, g=group)

    sizes = rng.geometric(0.35, 400)
    many = np.repeat(np.arange(400), sizes)
    m = len(many)
    add("many_levels", intercept, y=normal(400)[many] * 0.7 + normal(m), x=normal(m),
        g=labels("g", many))

    m, three = 160, "y ~ z1 + z2 + (z1 + z2|g)"
    g3 = np.arange(m) % 20
    z1, z2 = normal((2, m))
    B = normal((20, 3)) @ normal((3, 3))
    add("three", three, y=B[g3, 0] + B[g3, 1] * z1 + B[g3, 2] * z2 + normal(m), z1=z1, z2=z2,
        g=labels("g", g3))
    add("three_singular", three, y=B[g3, 0] + B[g3, 0] * 0.5 * z1 + 0.1 * z2 + normal(m), z1=z1,
        z2=z2, g=labels("g", g3))

    m = 300
    a, c, xx = rng.integers(0, 12, m), rng.integers(0, 10, m), normal(m)
    A, C = normal((12, 2)), normal((10, 2)) @ np.array([[1.0, 0.3], [0, 0.6]])
    factors = {"a": labels("a", a), "c": labels("c", c)}
    add("crossed_slopes", "y ~ x + (x|a) + (x|c)",
        y=A[a, 0] + 0.5 * A[a, 1] * xx + C[c, 0] + C[c, 1] * xx + normal(m), x=xx, **factors)
    add("crossed_mixed", "y ~ x + (1|a) + (x||c)", y=A[a, 0] + C[c, 0] + C[c, 1] * xx + normal(m),
        x=xx, **factors)

    a, b = np.repeat(np.arange(10), 12), np.tile(np.repeat(np.arange(3), 4), 10)
    factors = {"a": labels("a", a), "b": labels("b", b)}
    add("nested", "y ~ 1 + (1|a/b)",
        y=normal(10)[a] + 0.7 * normal(30)[a * 3 + b] + normal(120), **factors)
    add("interaction", "y ~ b + (1|a:b)", y=normal(30)[a * 3 + b] + normal(120), **factors)
    t = np.tile(np.arange(2), 60)
    factors["t"] = labels("t", t)
    for name, formula in (("factor_slopes", "y ~ t*b + (t|a)"),
                          ("factor_cells", "y ~ t + (0 + t|a)")):
        add(name, formula, y=A[a % 12, 0] + A[a % 12, 1] * t + normal(120), **factors)

    for k in range(3):
        add(f"zero{k}", intercept, y=normal(n), x=x, g=group)
    add("near_zero", intercept, y=normal(n) + 0.35 * normal(8)[g], x=x, g=group)
    u = normal(8)
    add("corr_one", slope, y=u[g] * (1 + xs) + normal(n), x=xs, g=group)
    add("corr_minus_one", slope, y=u[g] * (1 - xs) + normal(n), x=xs, g=group)
    add("crossed_zero", "y ~ 1 + (1|a) + (1|b)", y=normal(120), a=labels("a", a),
        b=labels("b", rng.integers(0, 15, 120)))

    n2, p = 120, 25
    X, g2 = normal((n2, p)), rng.integers(0, 15, n2)
    columns = {f"x{j}": X[:, j] for j in range(p)}
    add("many_x", f"y ~ {' + '.join(columns)} + (1|g)",
        y=X @ normal(p) + normal(15)[g2] + normal(n2), **columns, g=labels("g", g2))
    add("large_phi", intercept, y=1e4 * normal(8)[g] + normal(n), x=x, g=group)
    return models


def write(folder: Path) -> None:
    models = audit_models()
    for name, (_, columns) in models.items():
        with open(folder / f"{name}.csv", "w", newline="") as file:
            out = csv.writer(file)
            out.writerow(columns)
            out.writerows(zip(*(c.tolist() for c in columns.values()), strict=True))
    lines = [f"{name}\t{formula}\n" for name, (formula, _) in models.items()]
    (folder / "models.txt").write_text("".join(lines))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
