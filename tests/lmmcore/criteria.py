"""What the forms of the criterion are held against: the definition, and effects of any size."""

import numpy as np

from lmmcore import grouped
from lmmcore.textbook import definition


def by_definition(model, theta, method):
    """Profile log likelihood, sigma2 from the dense W, constants and all."""
    y, X = model.y, model.X
    W = definition.relative_covariance(model, np.array(theta))
    r = y - X @ definition.gls(y, X, W).beta
    m = model.n - model.p if method == "REML" else model.n
    V = W * (r @ np.linalg.solve(W, r) / m)
    likelihood = (definition.restricted_log_likelihood if method == "REML"
                  else definition.profile_log_likelihood)
    return likelihood(y, X, V)


def spread_out(kind, phi):
    """A model whose random effects have phi times the variance of its errors, and its theta."""
    rng = np.random.default_rng(3)
    g, h = np.arange(24) % 5, np.arange(24) // 5
    x = rng.standard_normal(24)
    X, s = {"(Intercept)": 1, "x": x}, np.sqrt(phi)
    first, second = s * rng.standard_normal((2, 5))
    y = 1 + x + first[g] + rng.standard_normal(24)
    if kind == "slopes":
        return grouped(y + x * second[g], X, {"g": g}, {"g": X}), np.array([s, 0.3 * s, 0.7 * s])
    if kind == "crossed":
        return grouped(y + second[h], X, {"g": g, "h": h}), np.array([s, s])
    return grouped(y, X, g), np.array([s])
