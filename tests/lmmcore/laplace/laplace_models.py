"""The models of the recorded Laplace fits, each a joint density in a few lines."""

import autograd.numpy as np
import numpy as onp

from lmmcore import load
from lmmcore.laplace import Laplace
from lmmcore.laplace.densities import cholesky_factor, normal, poisson, student_t


def bernoulli(ones, logit):
    """The negative log density of zeros and ones with these log odds of a one."""
    return np.sum(np.logaddexp(0.0, (1.0 - 2.0 * onp.asarray(ones, float)) * logit))


def codes(labels):
    return onp.unique(labels, return_inverse=True)[1]


def sleepstudy(slopes, errors, reml=False):
    """errors: "normal", "t4" or "t_est"."""
    data = load("sleepstudy")
    X = onp.column_stack([onp.ones(180), data["Days"]])
    y, subject, q = data["Reaction"], codes(data["Subject"]), 2 if slopes else 1
    Z = X[:, :q]

    def joint(p):
        C = cholesky_factor(p.log_sd, p.chol)
        line = X @ p.beta + np.sum(Z * (p.u @ C.T)[subject], axis=1)
        if errors == "normal":
            return normal(y - line, p.log_sigma) + normal(p.u)
        dof = 4.0 if errors == "t4" else 1.0 + np.exp(p.log_dof)
        return student_t(y - line, dof, p.log_sigma) + normal(p.u)

    start = {"beta": [250.0, 10.0], "log_sigma": 3.0, "log_sd": [3.0, 2.0][:q],
             "chol": onp.zeros(q - 1), "u": onp.zeros((18, q))}
    if errors == "t_est":
        start["log_dof"] = 1.0
    return Laplace(joint, start, ["u", "beta"] if reml else ["u"])


def grouseticks(factors, reml=False):
    """factors: some of INDEX, BROOD, LOCATION."""
    data = load("grouseticks")
    X = onp.column_stack([onp.ones(403), data["YEAR"] == "96", data["YEAR"] == "97",
                          data["cHEIGHT"]])
    groups = [codes(data[factor]) for factor in factors]
    names = [f"u{j}" for j in range(len(factors))]

    def joint(p):
        eta = X @ p.beta
        for j, group in enumerate(groups):
            eta = eta + np.exp(p.log_sd[j]) * getattr(p, names[j])[group]
        return poisson(data["TICKS"], eta) + sum(normal(getattr(p, u)) for u in names)

    start = {"beta": onp.zeros(4), "log_sd": onp.zeros(len(factors))}
    start |= {name: onp.zeros(group.max() + 1) for name, group in zip(names, groups, strict=True)}
    return Laplace(joint, start, [*names, "beta"] if reml else names)
