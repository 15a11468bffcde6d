import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from exercise_answers import Answers
from matrixproof import Setting, as_scalar, define, det, eye, tr

s = Setting("n k")
n, k = s.dimensions
Z, r = s.matrices("Z: n,k"), s.vectors("r: n")
phi, sigma2 = s.scalars("phi sigma2", positive=True)
W = define("W", eye(n) + phi * Z * Z.T)
t, T = Z.T * W.I * r, Z.T * W.I * Z
C = (Z.T * Z + 1 / phi * eye(k)).I  # the conditional covariance over sigma2
SQUARES = phi**2 * as_scalar(t.T * t)


def codes(*labels):
    return [np.unique(np.asarray(x), return_inverse=True)[1] for x in labels]


def by_graph(student, lecturer):
    i, j = codes(student, lecturer)
    size = i.max() + j.max() + 2
    graph = coo_array((np.ones(len(i)), (i, i.max() + 1 + j)), shape=(size, size))
    return connected_components(graph, directed=False)[0]


def by_union(student, lecturer):
    parent = {}

    def root(x):
        while parent.setdefault(x, x) != x:
            x = parent[x]
        return x

    for a, b in zip(student, lecturer, strict=True):
        parent[root(("s", a))] = root(("d", b))
    return np.array(len({root(x) for x in list(parent)}))


def by_laplacian(student, lecturer):
    """The dimension of the space that no evaluation can compare."""
    i, j = codes(student, lecturer)
    edges = np.hstack([np.eye(i.max() + 1)[i], -np.eye(j.max() + 1)[j]])
    return edges.shape[1] - np.linalg.matrix_rank(edges)


def rounds(number):
    """Only so many steps from one to the next."""

    def answer(student, lecturer):
        i, j = codes(student, lecturer)
        low = np.arange(i.max() + 1)
        for _ in range(number):
            of_d = np.full(j.max() + 1, len(low))
            np.minimum.at(of_d, j, low[i])
            np.minimum.at(low, i, of_d[j])
        return len(np.unique(low))

    return answer


def same_lecturers(student, lecturer):
    return len({frozenset(lecturer[student == x]) for x in student})


def one_set(student, lecturer):
    both = list(zip(student, lecturer, strict=True))
    left, count = set(student) | set(lecturer), 0
    while left:
        count, found = count + 1, {left.pop()}
        while True:
            more = found | {x for pair in both if found & set(pair) for x in pair}
            if more == found:
                break
            found = more
        left -= found
    return count


ANSWERS = {
    "insteval-em": Answers(
        right=[
            SQUARES - sigma2 * phi**2 * tr(T),
            phi**2 * (as_scalar(t.T * t) - sigma2 * tr(W.I * Z * Z.T)),
            phi**2 * tr(T * T.I * (t * t.T - sigma2 * T)),
            SQUARES + sigma2 * tr(phi * eye(k) - phi**2 * T) - sigma2 * phi * tr(eye(k)),
            SQUARES + sigma2 * tr(C) - k * sigma2 * phi,
        ],
        wrong=[
            (SQUARES + sigma2 * phi**2 * tr(T), "sign of the trace"),
            (SQUARES - phi**2 * tr(T), "one factor is lost"),
            (SQUARES + sigma2 * tr(phi * eye(k) - phi**2 * T), "is taken off"),
            (phi * as_scalar(t.T * t) - sigma2 * phi * tr(T), "power of"),
            (as_scalar(t.T * t) - sigma2 * tr(T), "with a factor"),
            (SQUARES, "left out"),
            (SQUARES - sigma2 * phi**2 * det(T), "determinant stands"),
            (SQUARES - sigma2 * phi * tr(T), ""),
            (SQUARES - sigma2 * phi**2 * tr(Z.T * Z), ""),
            (SQUARES - sigma2 * phi**2 * tr(T * T), ""),
            (phi**2 * as_scalar(r.T * W.I * r) - sigma2 * phi**2 * tr(T), ""),
            (SQUARES - sigma2**2 * phi**2 * tr(T), ""),
            (sigma2 * phi**2 * tr(T) - SQUARES, ""),
            (SQUARES - n * sigma2 * phi + sigma2 * tr(C), ""),
        ],
    ),
    "insteval-components": Answers(
        right=[by_graph, by_union, by_laplacian],
        wrong=[
            (same_lecturers, "over many steps"),
            (lambda student, lecturer: len(set(lecturer)), "counts levels"),
            (lambda student, lecturer: len(set(student)), "counts levels"),
            (lambda student, lecturer: len(set(student)) + len(set(lecturer)), "counts levels"),
            (
                lambda student, lecturer: len(set(zip(student, lecturer, strict=True))),
                "pairs that met",
            ),
            (one_set, "same label"),
            (lambda student, lecturer: 1, "fall apart"),
            (
                lambda student, lecturer: (
                    len(set(student))
                    + len(set(lecturer))
                    - len(set(zip(student, lecturer, strict=True)))
                ),
                "no cycle",
            ),
            (lambda student, lecturer: by_graph(np.sort(student), np.sort(lecturer)), ""),
            (lambda student, lecturer: by_graph(np.sort(student), lecturer), ""),
            (rounds(1), ""),
            (rounds(2), ""),
            (rounds(3), ""),
            (lambda student, lecturer: len(student), ""),
            (
                lambda student, lecturer: len(set(student)) + len(set(lecturer)) - len(student),
                "",
            ),
            (lambda student, lecturer: -by_graph(student, lecturer), ""),
        ],
    ),
    "insteval-half": Answers(
        right=["b", "B", "(b)"],
        wrong=[
            ("a", "are lost"),
            ("A", "are lost"),
            ("c", "wrong way round"),
            ("(c)", "wrong way round"),
            ("d", "half of them are gone"),
        ],
    ),
}
