"""How derivatives are printed: what they act on must be plain to see."""

import re

from matrixproof import Setting, as_scalar, define, logdet


def test_partial_derivative_of_a_letter_is_a_fraction():
    s = Setting("n")
    V = s.positive_definite("V: n")
    D = s.partial("theta_j", V)
    fraction = r"\frac{\partial V}{\partial \theta_{j}}"
    assert (V.I * D(V) * V.I).latex() == rf"V^{{-1}}\,{fraction}\,V^{{-1}}"
    assert D(V.I).latex() == r"\frac{\partial V^{-1}}{\partial \theta_{j}}"
    assert D(define("W", V * V)).latex() == r"\frac{\partial W}{\partial \theta_{j}}"


def test_an_operator_in_a_product_is_bracketed():
    s = Setting("n")
    V = s.positive_definite("V: n")
    d, D = s.differential(V), s.partial("theta", V)
    operator = r"\frac{\partial}{\partial \theta}"
    assert D(logdet(V)).latex() == rf"{operator}\log\left|V\right|"
    assert (D(V * V) * V).latex() == rf"\left({operator}\left(V\,V\right)\right)\,V"
    assert (d(logdet(V)) * V).latex() == r"\left(\mathrm{d}\log\left|V\right|\right)\,V"
    assert (V.I * d(V) * V).latex() == r"V^{-1}\,\mathrm{d}V\,V"


def test_mathematics_in_a_relation_name():
    """The fold-out names what a step used; the title of a cited result may hold mathematics."""
    s = Setting("n p", where="n > p")
    X, J = s.full_rank("X: n,p"), s.matrices("J: n,p")
    title = "what $J$ does: $J'X = 0$, in \\emph{no} text"
    s.assume(J.T * X, 0, title)
    d = s.derive(J * J.T * X + X).step(X, "orthogonal")
    assert d.lines[1].relations == [title]
    page = d._repr_html_()
    assert r"“what <span" in page and r"\(J'X = 0\)" in page
    assert not any("does" in formula for formula in re.findall(r"\\\((.*?)\\\)", page))


def test_a_small_case_takes_a_1_x_1_matrix_for_its_number():
    s = Setting("n")
    y = s.vectors("y: n")
    lines = s.derive(y.T * y).step(as_scalar(y.T * y), "a number")
    assert "every line" in str(lines.on(n=2))
    assert "<ol" in lines._repr_html_()
