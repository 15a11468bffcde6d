"""Judges the exercises of the chapter "InstEval: seventy thousand evaluations"."""

from __future__ import annotations

from typing import Any

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Choice, Function, MatrixExpression
from lmmbook.exercises.late import np
from matrixproof import Setting, as_scalar, define, det, eye, tr
from matrixproof.language.expressions import Expr

CHAPTER = "insteval"
Symbols = dict[str, Any]


def one_factor() -> tuple[Setting, Symbols]:
    s = Setting("n k")
    n, k = s.dimensions
    Z, r = s.matrices("Z: n,k"), s.vectors("r: n")
    phi, sigma2 = s.scalars("phi sigma2", positive=True)
    W = define("W", eye(n) + phi * Z * Z.T)
    return s, {"Z": Z, "r": r, "phi": phi, "sigma2": sigma2, "W": W, "I_k": eye(k)}


def bracket(z: Symbols, error: Any = None, sign: int = -1, power: int = 2) -> Expr:
    """What the sum of squares and conditional variances has beyond k sigma2 phi."""
    t = z["Z"].T * z["W"].I * z["r"]
    error = z["sigma2"] if error is None else error
    return z["phi"] ** power * (as_scalar(t.T * t) + sign * error * tr(inside(z)))


def inside(z: Symbols) -> Expr:
    return z["Z"].T * z["W"].I * z["Z"]


# -- what hangs together ---------------------------------------------------------------------


def designs() -> list[tuple[Any, ...]]:
    """Labels of students and of lecturers, row by row."""
    rng = np.random.default_rng(5)
    chain = np.arange(7)
    far = (np.repeat(chain, 2)[1:-1], np.repeat(chain, 2)[:-2])  # a path through all levels
    some = rng.integers(0, 40, 30), rng.integers(0, 25, 30)
    order = rng.permutation(len(far[0]))[3:]  # a path with three gaps, in no order
    return [
        (np.array(["s1", "s1", "s2", "s3", "s3"]), np.array(["d1", "d2", "d2", "d3", "d4"])),
        far,
        some,
        (far[0][order], far[1][order]),
        (np.array([1, 2, 3, 4]), np.array([1, 2, 3, 4])),
        (np.array([1, 2, 1, 2]), np.array([7, 8, 7, 8])),
        (np.array([1, 1, 1, 2, 2]), np.array([2, 3, 2, 1, 1])),
        (np.array(["a", "b", "c", "a", "b", "c"]), np.array(["x", "x", "x", "y", "y", "y"])),
        (np.array([5, 4, 3, 2, 1, 9]), np.array([50, 50, 30, 30, 10, 10])),
    ]


def components(student: Any, lecturer: Any) -> int:
    """How many sets of students and lecturers have no evaluation in common."""
    first = [("s", x) for x in np.asarray(student).tolist()]
    second = [("d", x) for x in np.asarray(lecturer).tolist()]
    name = {x: i for i, x in enumerate([*first, *second])}
    changed = True
    while changed:
        changed = False
        for x, y in zip(first, second, strict=True):
            low = min(name[x], name[y])
            changed |= name[x] != low or name[y] != low
            name[x] = name[y] = low
    return len(set(name.values()))


def one_step(student: Any, lecturer: Any) -> int:
    """Lecturers put together when they share a student, and no further."""
    groups = {frozenset(lecturer[student == s].tolist()) for s in np.unique(student)}
    return len(groups)


def one_set_of_labels(student: Any, lecturer: Any) -> int:
    """A student and a lecturer of one number taken for the same."""
    name = {x: i for i, x in enumerate([*student.tolist(), *lecturer.tolist()])}
    for _ in range(len(student)):
        for x, y in zip(student.tolist(), lecturer.tolist(), strict=True):
            name[x] = name[y] = min(name[x], name[y])
    return len(set(name.values()))


EXERCISES = (
    Exercise(
        "insteval-em",
        CHAPTER,
        MatrixExpression(one_factor, bracket),
        (
            Misconception(
                "The sign of the trace: data take away from the variance of the effects.",
                lambda z: bracket(z, sign=1),
            ),
            Misconception(
                "The conditional variance is $\\sigma^2$ times the matrix: one factor is lost.",
                lambda z: bracket(z, error=1),
            ),
            Misconception(
                "The trace of a difference has two parts. The one without data is "
                "$k\\sigma^2\\phi$, and is taken off.",
                lambda z: bracket(z) + z["sigma2"] * z["phi"] * tr(z["I_k"]),
            ),
            Misconception(
                "The power of $\\phi$: the prediction has one, and its square two.",
                lambda z: bracket(z, power=1),
            ),
            Misconception(
                "This is the bracket. It stands with a factor in the sum.",
                lambda z: bracket(z, power=0),
            ),
            Misconception(
                "The conditional variances are left out: what is predicted varies less than what "
                "is.",
                lambda z: bracket(z, error=0),
            ),
            Misconception(
                "A determinant stands where the trace belongs: the variances of the levels are "
                "added up.",
                lambda z: (
                    z["phi"] ** 2
                    * (
                        as_scalar((z["Z"].T * z["W"].I * z["r"]).T * (z["Z"].T * z["W"].I * z["r"]))
                        - z["sigma2"] * det(inside(z))
                    )
                ),
            ),
        ),
        "At the maximum of the likelihood, what shrinkage takes from the squares is what the "
        "conditional variances give back.",
        "Half for the two parts of the trace, half for why the bracket vanishes.",
    ),
    Exercise(
        "insteval-components",
        CHAPTER,
        Function(components, designs, returns="a whole number"),
        (
            Misconception(
                "Students without a lecturer in common may be connected by others, over many "
                "steps.",
                one_step,
            ),
            Misconception(
                "This counts levels. Those that an evaluation brings together are one component.",
                lambda student, lecturer: len(np.unique(lecturer)),
            ),
            Misconception(
                "This counts levels. Those that an evaluation brings together are one component.",
                lambda student, lecturer: len(np.unique(student)),
            ),
            Misconception(
                "This counts levels. Those that an evaluation brings together are one component.",
                lambda student, lecturer: len(np.unique(student)) + len(np.unique(lecturer)),
            ),
            Misconception(
                "This counts the pairs that met.",
                lambda student, lecturer: len(
                    set(zip(student.tolist(), lecturer.tolist(), strict=True))
                ),
            ),
            Misconception(
                "A student and a lecturer with the same label are two, not one.",
                one_set_of_labels,
            ),
            Misconception(
                "Some designs fall apart.",
                lambda student, lecturer: 1,
            ),
            Misconception(
                "Levels less pairs counts components only where the graph has no cycle.",
                lambda student, lecturer: (
                    len(np.unique(student))
                    + len(np.unique(lecturer))
                    - len(set(zip(student.tolist(), lecturer.tolist(), strict=True)))
                ),
            ),
        ),
        "Effects can be compared within a component. Between two of them there is only the "
        "assumption that all come from one distribution.",
        "One half for the idea, one half for a function that ends and counts rightly.",
    ),
    Exercise(
        "insteval-half",
        CHAPTER,
        Choice("b", "abcd"),
        (
            Misconception(
                "In the second model the standard error rests on departments. How many of them "
                "are lost with half of the students?",
                "a",
            ),
            Misconception(
                "In the first model nothing but the grades tells about the effect, and half of "
                "them are gone.",
                "d",
            ),
            Misconception(
                "You have it the wrong way round: which of the two models takes every grade as "
                "news about the effect?",
                "c",
            ),
        ),
        "A standard error falls with the number of what varies: grades in one model, departments "
        "in the other. More grades from 14 departments answer no question about departments.",
        "The letter one half, the two fits one half.",
    ),
)
