"""The exercises as a lecturer sees them: by session, by chapter, by what they train.

The tables are made from the exercises themselves, so that they cannot disagree with them. See the
page "For lecturers".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from lmmbook.exercises.judge import Exercise, exercises
from lmmbook.ledger import Table

TRAINS = {
    "Choice": "judge",
    "FalseStep": "derive",
    "Derived": "derive",
    "Expression": "derive",
    "Function": "compute",
    "MatrixExpression": "derive",
    "Number": "compute",
    "Property": "construct",
}


@dataclass(frozen=True)
class Session:
    """One session of a course: a question, and the chapters that answer it, each with its goal.

    Attributes
    ----------
    question : str
    chapters : mapping
        What a short course reads: chapter to what participants can do after it.
    further : mapping
        What a longer course adds.
    needs : str
        What to prepare.
    """

    question: str
    chapters: Mapping[str, str]
    further: Mapping[str, str]
    needs: str


SESSIONS = {
    "Tools": Session(
        "How are matrix derivatives, inverses and quadratic forms handled without coordinates?",
        {
            "matrix-differentials": "differentiate log determinants, inverses and quadratic forms",
            "block-matrices": "reduce a large inverse or determinant to a small one",
        },
        {
            "quadratic-forms": "give mean, variance and law of a quadratic form",
            "how-the-checker-works": "say what a checked derivation guarantees, and what not",
        },
        "Nothing is installed yet: begin on the page that runs in the browser.",
    ),
    "Model": Session(
        "Which covariance do random effects give to the data?",
        {
            "three-specifications": "write one model in three ways, and say where they part",
            "designs": "build X and Z for intercepts, slopes, and crossed and nested factors",
        },
        {
            "autoregressive-effects": "write a stationary series as random effects",
        },
        "The notebooks, opened once on every computer.",
    ),
    "Likelihood": Session(
        "What is maximised, and how do coefficients and scale leave the problem?",
        {
            "generalised-least-squares": "whiten, estimate coefficients, give standard errors",
            "profile-likelihood": "profile parameters out; say what moves no maximum",
        },
        {
            "first-fit": "follow a fit from its data to its report, by small matrices",
        },
        "The chapter on matrix differentials.",
    ),
    "Bias": Session(
        "Why are variances estimated too small, and when do more data not help?",
        {
            "biased-variances": "derive the bias of ML, and weigh it against the mean square error",
            "lab-neyman-scott": "derive, simulate and explain an inconsistent MLE",
        },
        {
            "neyman-scott": "recognise a design in which the bias of ML does not vanish",
        },
        "Paper and pencils; ninety minutes for the lab.",
    ),
    "REML": Session(
        "What is the likelihood of error contrasts, and why do the contrasts not matter?",
        {
            "error-contrasts": "show that all contrasts give one likelihood",
            "restricted-likelihood": "derive the restricted likelihood and its score",
        },
        {
            "profile-reml": "profile REML through small matrices, and say what a prior would add",
        },
        "The chapter on block matrices, for Woodbury's identity.",
    ),
    "ANOVA": Session(
        "What can be solved by hand, and what happens at the boundary?",
        {
            "one-way-anova": "solve the balanced layout by hand, its boundary included",
            "lab-one-way-anova": "hold draws against a derived law; report a zero",
        },
        {
            "two-way-and-nested-anova": "read the strata of a balanced layout off its projections",
            "intervals-and-tests": "choose and compute intervals and tests for variances",
        },
        "The chi-square law; ninety minutes for the lab.",
    ),
    "Computing": Session(
        "How does a program find the maximum, and what does it cost?",
        {
            "maximisation": "say which steps a maximiser takes, and how it treats the boundary",
            "mixed-model-equations": "set up Henderson's equations, and predict random effects",
        },
        {
            "cost": "predict what a fit costs from its sizes",
        },
        "Computers with a terminal.",
    ),
    "Beyond": Session(
        "What may be left to a program, and what becomes of REML without the normal distribution?",
        {
            "automatic-differentiation": "differentiate a log likelihood by program, and check it",
            "laplace": "integrate effects and coefficients out, and say when that is exact",
        },
        {
            "robust-and-count-models": "fit heavy tails and counts, and judge the approximation",
        },
        "The score from the session on REML; autograd, which the notebooks' environment has.",
    ),
    "Data": Session(
        "What may be concluded from a fit?",
        {
            "dyestuff": "carry one data set from its question to its conclusion",
            "sleepstudy": "choose and read a model with correlated slopes",
        },
        {
            "crossed-and-nested": "tell crossed from nested in data, and fit both",
            "autoregressive-series": "fit errors that depend on time",
            "insteval": "fit many thousands of levels, and read the result",
            "two-programs": "say how many digits of an estimate are worth printing",
        },
        "Data of the participants' own, if they have some.",
    ),
}
PLANS = {
    "one week": ("Model", "Likelihood", "Bias", "REML", "ANOVA"),
    "two weeks": tuple(title for title in SESSIONS if title != "Beyond"),
    "four weeks": tuple(SESSIONS),
}


def plan(name: str) -> Table:
    """The sessions of a course, each with its chapters and the number of their exercises.

    Parameters
    ----------
    name : {"one week", "two weeks", "four weeks"}
        Only the last reads what is marked as further.

    Raises
    ------
    ValueError
        If there is no such plan.
    """
    if name not in PLANS:
        raise ValueError(f"there is no plan {name!r}: take one of {', '.join(PLANS)}")
    rows, html = [], []
    for title in PLANS[name]:
        session = SESSIONS[title]
        chapters = [*session.chapters, *(session.further if name == "four weeks" else ())]
        found = [e for chapter in chapters for e in of_chapter(chapter)]
        row = (title, session.question, ", ".join(chapters), _count(found), session.needs)
        rows.append(row)
        links = ", ".join(f'<a href="{c}.html">{c}</a>' for c in chapters)
        html.append((*map(escape, row[:2]), links, *map(escape, row[3:])))
    header = ("session", "question", "chapters and notebooks", "exercises", "what it needs")
    return Table(header, tuple(rows), tuple(html), f"A course of {name}")


def goals(title: str) -> Table:
    """What participants can do after each chapter of a session, and the exercises that train it.

    Parameters
    ----------
    title : str
        A session.

    Raises
    ------
    ValueError
        If there is no such session.
    """
    rows, html = [], []
    for chapter, goal in _goals(title).items():
        kinds: dict[str, list[str]] = {}
        for e in of_chapter(chapter):
            kinds.setdefault(trains(e), []).append(e.id)
        text = "; ".join(f"{kind}: {', '.join(ids)}" for kind, ids in sorted(kinds.items()))
        links = "; ".join(
            f"<em>{kind}</em>: "
            + ", ".join(f'<a href="{chapter}.html#ex-{i}">{i}</a>' for i in ids)
            for kind, ids in sorted(kinds.items())
        )
        rows.append((chapter, goal, text))
        html.append((f'<a href="{chapter}.html">{chapter}</a>', escape(goal), links))
    header = ("chapter", "after it participants can", "exercises")
    return Table(header, tuple(rows), tuple(html), f"Learning goals: {title}")


def of_chapter(chapter: str) -> list[Exercise]:
    """The exercises of a chapter, in their order."""
    return [e for e in exercises().values() if e.chapter == chapter]


def trains(exercise: Exercise) -> str:
    """What an exercise trains: to derive, compute, construct or judge."""
    return TRAINS[type(exercise.kind).__name__]


def _goals(title: str) -> dict[str, str]:
    if title not in SESSIONS:
        raise ValueError(f"there is no session {title!r}: take one of {', '.join(SESSIONS)}")
    return {**SESSIONS[title].chapters, **SESSIONS[title].further}


def _count(found: list[Exercise]) -> str:
    kinds = Counter(trains(e) for e in found)
    parts = ", ".join(f"{number} to {kind}" for kind, number in sorted(kinds.items()))
    return f"{len(found)}: {parts}" if found else "none"
