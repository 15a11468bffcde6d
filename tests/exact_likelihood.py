"""The log likelihood by definition to 40 digits, for small models."""

import mpmath as mp
import numpy as np

from lmmcore import LinearMixedModel


def exact_log_likelihood(model: LinearMixedModel, theta: np.ndarray, method: str) -> mp.mpf:
    """l(theta) with beta and sigma2 profiled out, all in mpmath."""
    with mp.workdps(40):
        q = len(model.terms[0].effects)
        L = mp.zeros(q)
        for (column, row), value in zip(zip(*np.triu_indices(q), strict=True), theta, strict=True):
            L[int(row), int(column)] = mp.mpf(float(value))
        gamma, codes, Z = L * L.T, model.terms[0].codes, mp.matrix(model.terms[0].columns.tolist())
        W = mp.eye(model.n)
        for i in range(model.n):
            for j in range(model.n):
                if codes[i] == codes[j]:
                    W[i, j] += (Z[i, :] * gamma * Z[j, :].T)[0]
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
