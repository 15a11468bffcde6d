"""What the errata page computes, met by other means."""

import numpy as np
import pytest

from lmmcore import fit, grouped
from lmmcore.textbook.one_way import one_way


@pytest.mark.parametrize("phi", [0.0, 1.0, 10.0])
def test_mean_of_the_ml_estimate_of_sigma2(phi):
    """Two groups of two: 1 - 1/(2 sqrt(2 + 2 phi)), against 20,000 draws (B33)."""
    rng = np.random.default_rng(int(phi) + 5)
    groups = np.sqrt(phi) * rng.standard_normal((20_000, 2, 1))
    draws = np.array([one_way(table, "ML").sigma2
                      for table in groups + rng.standard_normal((20_000, 2, 2))])
    error = draws.std() / np.sqrt(len(draws))
    assert abs(draws.mean() - (1 - 0.5 / np.sqrt(2 + 2 * phi))) < 5.5 * error
    assert draws.mean() < 1 - 5.5 * error


def test_the_sextic_has_the_estimate_for_its_root():
    """The groups 0 | 1 3 | 5 6 7 (B36); for equal groups the root is rational."""
    sextic = [1458, -1458, -13203, -19628, -12880, -3972, -462]
    (root,) = [r.real for r in np.roots(sextic) if abs(r.imag) < 1e-9 and r.real > 0]
    model = grouped([0.0, 1, 3, 5, 6, 7], {"(Intercept)": 1}, {"group": list("abbccc")})
    assert fit(model, "ML").phi[0] == pytest.approx(root, rel=1e-8)
    equal = grouped([0.0, 2, 4, 6, 9, 11], {"(Intercept)": 1}, {"group": list("aabbcc")})
    y = np.array([[0.0, 2], [4, 6], [9, 11]])
    sse, ssb = 6.0, 2 * np.sum((y.mean(1) - y.mean()) ** 2)
    assert fit(equal, "ML").phi[0] == pytest.approx((ssb / sse - 1) / 2, rel=1e-8)
