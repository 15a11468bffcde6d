from fractions import Fraction

import sympy as sp

from exercise_answers import Answers
from lmmbook.exercises.bank.how_the_checker_works import commuting, small_matrices

UK, JU = ("r1", "U K"), ("J U", "r2")
SYZYGY = [  # r1 U r2, its second factor written out, less its first factor written out
    (1, "", "r1", "U K"), (1, "", "r1", "U V U K"), (-1, "", "r1", "U"),
    (-1, "J U", "r2", ""), (-1, "J U V U", "r2", ""), (1, "U", "r2", ""),
]  # fmt: skip


def by_difference(p, q):
    rest = dict(p)
    for word, c in q.items():
        rest[word] = rest.get(word, 0) - c
    return not any(rest.values())


def without_zeros(p, q):
    return {w: c for w, c in p.items() if c} == {w: c for w, c in q.items() if c}


def by_sympy(p, q):
    def total(s):
        return sp.Add(*[c * sp.Mul(*[sp.Symbol(x, commutative=False) for x in w])
                        for w, c in s.items()])  # fmt: skip

    return int(sp.expand(total(p) - total(q)) == 0)


ANSWERS = {
    "hc-certificate": Answers(
        right=[
            [(1, "", "r1", "U K"), (-1, "J U", "r2", "")],
            ((-1, "J U", "r2", ""), (1, "", "r1", "U K")),
            [(Fraction(1, 2), "", "r1", "U K")] * 2 + [(-1.0, "J  U", "r2", "")],
            [(1, "", "r1", "U K"), (-1, "J U", "r2", ""), *SYZYGY],
        ],
        wrong=[
            ([(-1, "", "r1", "U K"), (1, "J U", "r2", "")], "minus the target"),
            ([(1, "U K", "r1", ""), (-1, "", "r2", "J U")], "exchanged"),
            ([(1, "", "r1", "U K")], "must cancel"),
            ([(-1, "J U", "r2", "")], "must cancel"),
            ([(1, "", "r1", "U K"), (1, "J U", "r2", "")], "same sign"),
            ([(1, "", "r2", "U K"), (-1, "J U", "r1", "")], ""),
            ([(2, "", "r1", "U K"), (-2, "J U", "r2", "")], ""),
            ([(1, "", "r1", "U"), (-1, "U", "r2", "")], ""),
            ([(1, "", "r1", "U K"), (-1, "U J", "r2", "")], ""),
            ([(1 + 1e-5, "", "r1", "U K"), (-1, "J U", "r2", "")], ""),
        ],
    ),
    "hc-equal": Answers(
        right=[by_difference, without_zeros, by_sympy],
        wrong=[
            (commuting, "change places"),
            (small_matrices, "too small"),
            (lambda p, q: {w for w, c in p.items() if c} == {w for w, c in q.items() if c},
             "not their coefficients"),
            (lambda p, q: p == q, "stand for the same sum"),
            (lambda p, q: True, ""),
            (lambda p, q: False, ""),
            (lambda p, q: not by_difference(p, q), ""),
            (lambda p, q: len(p) == len(q), ""),
            (lambda p, q: sum(p.values()) == sum(q.values()), ""),
            (lambda p, q: all(p[w] == q.get(w, 0) for w in p), "first sum only"),
            (lambda p, q: all(q[w] == p.get(w, 0) for w in q), ""),
        ],
    ),
    "hc-trust": Answers(
        right=["b", "B", "(b)"],
        wrong=[
            ("a", "multiplied out by others"),
            ("c", "can refuse"),
            ("d", "says so"),
            ("(A)", "multiplied out by others"),
            ("D", "says so"),
        ],
    ),
}  # fmt: skip
