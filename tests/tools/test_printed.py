"""The forms for print: of each class that the pages show as HTML, with what stands on the page."""

from importlib import import_module

import pytest
import sympy as sp

from lmmbook import ledger
from lmmbook.exercises import check
from lmmbook.exercises.course import goals
from lmmbook.ledger.errata import errata
from matrixproof import Setting, by_entries, eye
from tools import printed


def setting():
    s = Setting("n k")
    return s, *s.matrices("U: n,k; V: k,n")


@pytest.mark.parametrize(("module", "name"), printed.FORMS)
def test_the_classes_are_where_the_kernel_looks_for_them(module, name):
    found = getattr(import_module(module), name)
    assert found.__module__ == module
    assert "_repr_html_" in vars(found)


def test_a_derivation_names_its_reasons_and_assumptions():
    s = Setting("n")
    V = s.positive_definite("V: n")
    d = s.derive(V.I * V).step(eye(V.shape[0]), "$V$ is invertible & known")
    shown = printed.derivation(d)
    assert shown.startswith(r"\begin{bookderivation}{Derivation}{}")
    assert r"{$V$ is invertible \& known}{\bookyes{}}" in shown
    assert r"\bookproved{proved for all $n$}" in shown
    assert r"\bookassuming{$V$ is positive definite" in shown


def test_a_result_has_title_anchor_and_statements():
    s, U, V = setting()
    d = s.derive((U * V).T).step(V.T * U.T)
    shown = printed.finished(d.named("turned-product", "Of $UV$", cites=("E3.2",)))
    head = r"\begin{bookderivation}{Of $UV$}{\booklink{statement:E3-2}{E3.2}}"
    assert shown.startswith(head + r"\bookanchor{result:turned-product}")


def test_a_refutation_shows_the_values():
    s = Setting("n")
    A, B = s.matrices("A: n; B: n")
    shown = printed.refutation(s.refute(A * B, B * A, given=[(A.T, A)]))
    assert shown.startswith(r"\begin{bookrefutation}{Refuted}{}")
    assert r"\par Given $\displaystyle A' = A$, it is not true that\par" in shown
    assert r"\par False: with " in shown and r"{\bookno{}}" in shown


def test_a_claim_by_entries():
    x = sp.Symbol("x")
    shown = printed.entries(by_entries(sp.Derivative(x**2, x), 2 * x, "A slope", "by SymPy"))
    assert r"\bookyes{}" in shown and r"\bookproved{by SymPy}" in shown


def test_a_verdict():
    shown = printed.verdict(check("adjoint-of-solving"))
    assert shown.startswith(r"\begin{bookverdict}{bookbad}… \textbf{Not attempted yet.}")


def test_tables_of_the_ledger():
    totals = printed.table(ledger.totals())
    assert r"\begin{longtable}[l]{@{}lr@{}}" in totals, "numbers to the right"
    wide = printed.table(errata("false"))
    assert wide.count(r"\bookcolumns{3}") == 3 and r"\booklink{statement:" in wide
    assert r"\emph{derive}: " in printed.table(goals("Tools"))
    assert r"\bookanchor{statement:E3-2}E3.2 & " in printed.table(ledger.answered("E"))


def test_what_a_table_cannot_hold_is_refused():
    table = ledger.Table(("a",), (("x",),), (("<h1>x</h1>",),), "")
    with pytest.raises(ValueError, match="h1"):
        printed.table(table)


def test_formulas_are_broken_between_their_terms():
    assert printed.terms(r"a = \left(b + c\right) - d") == [
        "a", r"{}= \left(b + c\right)", "{}- d"
    ]  # fmt: skip
    assert printed.fitted("a = b") == "$a = b$"
    assert printed.fitted(r"\begin{matrix}1\end{matrix}").startswith(r"\bookfit{")
