import numpy as np
import pandas as pd
import sympy as sp

from exercise_answers import Answers

a, b, sigma2, plates, samples = sp.symbols("a b sigma2 plates samples")


def pairs(cask, batch):
    return list(zip(cask, batch, strict=True))


def with_a_sign(cask, batch):
    return [f"{x!r} in {y!r}" for x, y in zip(cask.tolist(), batch.tolist(), strict=True)]


def by_unique(cask, batch):
    first, second = (np.unique(x, return_inverse=True)[1] for x in (cask, batch))
    return first * (second.max() + 1) + second


def by_frame(cask, batch):
    return pd.DataFrame({"c": cask, "b": batch}).groupby(["b", "c"]).ngroup()


def glued(sign=""):
    return lambda cask, batch: [f"{x}{sign}{y}" for x, y in zip(cask, batch, strict=True)]


def by_steps(c, a, sigma2, casks, batches):
    return (casks + sigma2 / a) / c


def by_matrix(c, a, sigma2, casks, batches):
    V = sigma2 * np.eye(c * a) + casks * np.kron(np.eye(c), np.ones((a, a)))
    return np.ones(c * a) @ V @ np.ones(c * a) / (c * a) ** 2


def by_ratio(c, a, sigma2, casks, batches):
    return np.array([(a * casks + sigma2) / (a * c)])


EXACT = plates / a + samples / b + sigma2 / (a * b)

ANSWERS = {
    "crossed-labels": Answers(
        right=[pairs, with_a_sign, by_unique, by_frame],
        wrong=[
            (lambda cask, batch: cask, "whatever their batch"),
            (lambda cask, batch: list(cask), "whatever their batch"),
            (lambda cask, batch: batch, "All casks of a batch"),
            (lambda cask, batch: np.arange(len(cask)), "own label here"),
            (glued(), "without a sign"),
            (lambda cask, batch: glued()(batch, cask), "without a sign"),
            (glued("-"), ""),  # a sign that the labels have
            (
                lambda cask, batch: [x + y for x, y in zip(cask, batch, strict=True)],
                "without a sign",
            ),
            (lambda cask, batch: np.char.add(batch.astype(str), cask.astype(str)), "without a"),
            (lambda cask, batch: [{x, y} == {x} for x, y in zip(cask, batch, strict=True)], ""),
            (lambda cask, batch: [frozenset(p) for p in pairs(cask, batch)], ""),
            (lambda cask, batch: np.arange(len(cask)) // 2, ""),  # right for Pastes
            (lambda cask, batch: pairs(cask, batch)[:-1], ""),
            (lambda cask, batch: sorted(pairs(cask, batch)), ""),
            (lambda cask, batch: sorted(set(pairs(cask, batch))), ""),
        ],
    ),
    "crossed-sample-plan": Answers(
        right=[by_steps, by_matrix, by_ratio],
        wrong=[
            (lambda c, a, s, u, v: by_steps(c, a, s, u, v) + v, "own level"),
            (lambda c, a, s, u, v: u / c + s / a, "of all are averaged"),
            (lambda c, a, s, u, v: (u + s) / c, "of all are averaged"),
            (lambda c, a, s, u, v: (u + s) / (c * a), "for independent"),
            (lambda c, a, s, u, v: s / (c * a), "has to come in"),
            (lambda c, a, s, u, v: by_steps(a, c, s, u, v), "changed places"),
            (lambda *x: by_steps(*x) ** 0.5, "standard deviation"),
            (lambda c, a, s, u, v: u + s, "one assay"),
            (lambda c, a, s, u, v: by_steps(c, 6 // c, s, u, v), ""),  # right for six assays
            (lambda c, a, s, u, v: u / (c - 1 or 1) + s / (c * a), ""),
            (lambda c, a, s, u, v: by_steps(c, a, s**0.5, u**0.5, v), ""),
            (lambda c, a, s, u, v: by_steps(c, a, 0.678, 8.434, v), ""),
            (lambda *x: by_steps(*x) + 1e-5, ""),
            (lambda c, a, s, u, v: u / c**2 + s / (c * a), ""),
        ],
    ),
    "crossed-mean": Answers(
        right=[
            EXACT,
            (b * plates + a * samples + sigma2) / (a * b),
            (plates + (sigma2 / b)) / a + samples / b,
            sp.expand(sp.sqrt(EXACT) ** 2),
        ],
        wrong=[
            ((plates + samples + sigma2) / (a * b), "for independent"),
            (plates / b + samples / a + sigma2 / (a * b), "changed places"),
            (samples / b + sigma2 / (a * b), "two factors is left out"),
            (plates / a + sigma2 / (a * b), "two factors is left out"),
            (plates / a + samples / b, "errors are left out"),
            (plates + samples + sigma2, "single measurement"),
            (plates / a + samples / (a * b) + sigma2 / (a * b), "nested in plates"),
            (
                plates / (a - 1) + samples / (b - 1) + sigma2 / ((a - 1) * (b - 1)),
                "Degrees of freedom",
            ),
            (sp.sqrt(EXACT), "asked is its square"),
            (EXACT - 2 * sigma2 / (a * b), ""),
            (EXACT.subs({a: 24, b: 6}), ""),
            (EXACT.subs(b, 6), ""),
            (plates / a + samples / b + sigma2 / (a + b), ""),
            (plates**2 / a + samples**2 / b + sigma2**2 / (a * b), ""),
            (EXACT * (1 + sp.Rational(1, 10**6)), ""),
        ],
    ),
    "crossed-one-factor": Answers(
        right=["c", "C", "(c)"],
        wrong=[
            ("a", "Every sample met"),
            ("A", "Every sample met"),
            ("b", "only six"),
            ("(b)", "only six"),
            ("d", "take it up"),
        ],
    ),
}
