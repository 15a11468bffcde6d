"""The log likelihood by definition to 40 digits, for small models."""

import mpmath as mp
import numpy as np

from lmmcore import LinearMixedModel


def exact_log_likelihood(model: LinearMixedModel, theta: np.ndarray, method: str) -> mp.mpf:
    """l(theta) with beta and sigma2 profiled out, all in mpmath."""
    with mp.workdps(40):
        W = mp.eye(model.n)
        placements = model.covariance.placements
        for (structure, part, _), term in zip(placements, model.terms, strict=True):
            L = mp.matrix(structure.factor(np.asarray(theta, float)[part]).tolist())
            Z, codes = mp.matrix(term.columns.tolist()), term.codes
            ZL = Z * L
            for i in range(model.n):
                for j in range(model.n):
                    if codes[i] == codes[j]:
                        W[i, j] += mp.fdot(ZL[i, :], ZL[j, :])
        X, y = mp.matrix(model.X.tolist()), mp.matrix(model.y.tolist())
        C = mp.cholesky(W)

        def whiten(B):
            out = B.copy()
            for i in range(model.n):
                for j in range(B.cols):
                    done = mp.fsum(C[i, k] * out[k, j] for k in range(i))
                    out[i, j] = (out[i, j] - done) / C[i, i]
            return out

        X, y = whiten(X), whiten(y)
        H = X.T * X
        r = y - X * mp.lu_solve(H, X.T * y)
        log_det = 2 * mp.fsum(mp.log(C[i, i]) for i in range(model.n))
        m = model.n
        if method == "REML":
            log_det += mp.log(mp.det(H))
            m -= model.p
        return -(m * (mp.log(2 * mp.pi * (r.T * r)[0] / m) + 1) + log_det) / 2
