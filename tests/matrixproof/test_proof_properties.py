"""Random expressions: what is proved holds, two translations agree, and printing is unambiguous."""

import contextlib
import random

import pytest
import sympy as sp
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from matrixproof import (
    ProofError,
    Setting,
    as_scalar,
    block,
    check,
    define,
    det,
    expectation,
    eye,
    lift,
    log,
    logdet,
    tr,
)
from matrixproof.judges import second_judge
from matrixproof.judges.counterexamples import search
from matrixproof.judges.exact import QQ, Unusable
from matrixproof.judges.instances import Instance
from matrixproof.judges.kernel import follows
from matrixproof.judges.series import same
from matrixproof.language.differential import differentiate
from matrixproof.language.expressions import Expr
from matrixproof.language.printing import latex, plain
from matrixproof.page.written import expression_data, expression_from
from matrixproof.search.prover import prove

S = Setting("n k")
N, K = S.dimensions
A, B = S.matrices("A: n; B: n")
U, W = S.matrices("U: n,k; W: n,k")
V = S.positive_definite("V: n")
G = S.positive_definite("G: k")
y, z = S.vectors("y: n; z: n")
u = S.vectors("u: k")
a, b = S.scalars("a b")
D = S.differential(A, V, U, a)
LETTERS = {
    (N, N): [A, B, V, eye(N)], (N, K): [U, W], (K, K): [G, eye(K)], (N, 1): [y, z], (K, 1): [u],
}  # fmt: skip

QUICK = settings(
    max_examples=40, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip


def numbers():
    half = lift(sp.Rational(1, 2))
    return st.sampled_from([lift(2), lift(-1), half, a, b, a + b, lift(N), a * b])


@st.composite
def matrices(draw, shape=None, depth=3, inverses=True):
    """An expression of the given size."""
    shape = shape or draw(st.sampled_from([(N, N), (N, K), (K, K), (N, 1)]))
    if depth == 0:
        if shape in LETTERS:
            return draw(st.sampled_from(LETTERS[shape]))
        return draw(st.sampled_from(LETTERS.get(shape[::-1], [None]))).T
    below = lambda s: matrices(s, depth - 1, inverses)  # noqa: E731
    kinds = ["leaf", "add", "sub", "mul", "transpose", "scale", "neg", "div"]
    if shape[0] == shape[1] and shape[0] != 1 and inverses:
        kinds += ["inverse", "power"]
    kind = draw(st.sampled_from(kinds))
    match kind:
        case "add":
            return draw(below(shape)) + draw(below(shape))
        case "sub":
            return draw(below(shape)) - draw(below(shape))
        case "mul":
            middle = draw(st.sampled_from([N, K]))
            return draw(below((shape[0], middle))) * draw(below((middle, shape[1])))
        case "transpose":
            return draw(below(shape[::-1])).T
        case "scale":
            return draw(numbers()) * draw(below(shape))
        case "neg":
            return -draw(below(shape))
        case "div":
            return draw(below(shape)) / draw(st.sampled_from([lift(2), a, a + b]))
        case "inverse":
            return draw(below(shape)).I
        case "power":
            return draw(below(shape)) ** 2
    return draw(matrices(shape, 0))


@st.composite
def scalars(draw, depth=2):
    kinds = ["trace", "trace", "form", "number", "add", "mul", "sub", "logdet"]
    kind = draw(st.sampled_from(kinds))
    if depth == 0 or kind == "number":
        return draw(numbers())
    match kind:
        case "trace":
            shape = draw(st.sampled_from([(N, N), (K, K)]))
            return tr(draw(matrices(shape, depth)))
        case "form":
            return as_scalar(draw(matrices((N, 1), 0)).T * draw(matrices((N, N), depth))
                             * draw(matrices((N, 1), 0)))  # fmt: skip
        case "logdet":
            return logdet(V + draw(matrices((N, N), 1, inverses=False)))
        case "add":
            return draw(scalars(depth - 1)) + draw(scalars(depth - 1))
        case "sub":
            return draw(scalars(depth - 1)) - draw(scalars(depth - 1))
    x, y = draw(scalars(depth - 1)), draw(scalars(depth - 1))
    assume(not any("logdet" in str(e) for e in (x, y)))
    return x * y


def instances(sizes, seed, count=3):
    """Fresh instances of given sizes."""
    for attempt in range(count):
        yield Instance(S, {N: sizes[0], K: sizes[1]}, random.Random(f"fresh {seed} {attempt}"), 4)


def agree(lhs, rhs, sizes, seed):
    for i in instances(sizes, seed):
        try:
            left, right = i.evaluate(lhs), i.evaluate(rhs)
        except Unusable:
            continue
        assert same(left, right), (plain(lhs), plain(rhs), sizes)


def rewritten(draw, e):
    """Another expression that may equal e: some true rules, and some false ones."""
    if draw(st.integers(0, 3)) == 0:
        match e.op:
            case "transpose" if e.args[0].op == "mul" and all(x.shape for x in e.args[0].args):
                parts = [x.T for x in e.args[0].args]
                parts = parts[::-1] if draw(st.booleans()) else parts
                try:
                    out = parts[0]
                    for x in parts[1:]:
                        out = out * x
                    return out
                except ProofError:
                    return e
            case "add":
                return sum(draw(st.permutations(list(e.args)))[1:], draw(st.sampled_from(e.args)))
            case "symbol" if e.shape[0] == e.shape[1]:
                return e.T
            case "inverse":
                return draw(st.sampled_from([e.args[0].I.T.T, e.args[0].T.I.T, e.args[0].T.I]))
            case "neg":
                return -1 * e.args[0]
    if not e.args:
        return e
    from matrixproof.language.trees import rebuild

    return rebuild(e, [rewritten(draw, x) for x in e.args])


@st.composite
def claims(draw, kind=matrices):
    lhs = draw(kind())
    return lhs, rewritten(draw, lhs)


# -- what is proved holds --------------------------------------------------------------------
@QUICK
@given(claims(), st.integers(0, 10**6))
def test_proved_matrix_identities_hold(claim, seed):
    lhs, rhs = claim
    if prove(S, lhs, rhs, seconds=1.0).proved:
        for sizes in ((1, 1), (1, 3), (3, 1), (2, 2), (4, 3)):
            agree(lhs, rhs, sizes, seed)


@QUICK
@given(claims(scalars), st.integers(0, 10**6))
def test_proved_scalar_identities_hold(claim, seed):
    lhs, rhs = claim
    if prove(S, lhs, rhs, seconds=1.0).proved:
        for sizes in ((1, 1), (1, 3), (3, 1), (2, 2), (4, 3)):
            agree(lhs, rhs, sizes, seed)


@QUICK
@given(matrices(), matrices())
def test_no_claim_is_proved_and_refuted(lhs, rhs):
    assume(lhs.shape == rhs.shape)
    with contextlib.suppress(ProofError):  # an inverse of something singular, say: no instance
        assert check(S, lhs, rhs) in ("proved", "refuted", "instances")


@QUICK
@given(matrices(inverses=False))
def test_multiplying_out_is_proved(e):
    """An expression without inverses equals itself typed differently: no search is needed."""
    verdict = prove(S, e, e.T.T)
    assert verdict.proved
    assert verdict.terms == 0


# -- the scalar kernel -----------------------------------------------------------------------
ATOMS = sp.symbols("x y z")
PARAMETERS = sp.symbols("s t", positive=True)
HIDDEN_ZEROS = [sp.Integer(0), PARAMETERS[0] / (PARAMETERS[0] + 1) + 1 / (PARAMETERS[0] + 1) - 1]


@st.composite
def equations_at_a_point(draw):
    """Equations in three unknowns that hold at a point, and a claim that holds there or not."""
    small = st.integers(-2, 3)
    point = {v: sp.Integer(draw(small)) for v in ATOMS}
    point |= {v: sp.Integer(draw(st.integers(1, 4))) for v in PARAMETERS}
    x, y, z = ATOMS
    s, t = PARAMETERS
    monomials = [x, y, z, x * y, y * z, x**2, x * y * z, sp.Integer(1)]
    coefficients = [sp.Integer(1), sp.Integer(-2), s, s - t, s / t, 1 / (s + t), *HIDDEN_ZEROS]

    def polynomial():
        chosen = draw(st.lists(st.sampled_from(monomials), min_size=1, max_size=3, unique=True))
        return sp.Add(*[draw(st.sampled_from(coefficients)) * m for m in chosen])

    given_equations = [(q := polynomial()) - q.subs(point) for _ in range(draw(st.integers(1, 3)))]
    claim = polynomial()
    kind = draw(st.sampled_from(["any", "at the point", "combined", "multiple"]))
    if kind == "at the point":
        claim -= claim.subs(point)
    elif kind == "combined":
        claim = sp.Add(*[draw(st.sampled_from(coefficients)) * q for q in given_equations])
    elif kind == "multiple":
        claim = given_equations[0] * draw(st.sampled_from(monomials))
    return point, given_equations, claim


@settings(QUICK, max_examples=300)
@given(equations_at_a_point())
def test_what_follows_holds_wherever_the_equations_do(case):
    point, given_equations, claim = case

    def unknowns(e):
        return sorted(e.free_symbols & set(ATOMS), key=str, reverse=True)

    found = follows(claim, given_equations, unknowns, sp.expand)
    if found is None:
        return
    assert second_judge.follows(claim, found), (claim, found)
    if all(q.subs(point) not in (0, sp.zoo, sp.nan) for q in found.divided):
        assert sp.simplify(claim.subs(point)) == 0, (claim, given_equations, point, found)


# -- two translations ------------------------------------------------------------------------
def explicit(e, values, numbers):
    """An expression as an explicit SymPy matrix or number, by SymPy's own operations."""
    parts = [explicit(x, values, numbers) for x in e.args]
    sizes = [int(s.subs(numbers)) for s in e.shape] if e.shape else None
    match e.op:
        case "symbol":
            return values[e.value]
        case "number":
            return e.value.subs(numbers)
        case "eye":
            return sp.eye(sizes[0])
        case "zero":
            return sp.zeros(*sizes)
        case "add":
            return sum(parts[1:], parts[0])
        case "neg":
            return -parts[0]
        case "mul":
            return sp.prod(parts[1:], parts[0])
        case "div":
            return parts[0] / parts[1]
        case "group":
            return parts[0]
        case "transpose":
            return parts[0].T
        case "inverse":
            return parts[0].inv()
        case "power":
            return parts[0] ** e.value
        case "trace":
            return parts[0].trace()
        case "scalar":
            return parts[0][0, 0]
        case "logdet":
            return sp.log(abs(parts[0].det()))
    raise NotImplementedError(e.op)


@QUICK
@given(st.one_of(matrices(), scalars()), st.sampled_from([(2, 3), (3, 2), (1, 2)]))
def test_instances_agree_with_explicit_matrices(e, sizes):
    for i in instances(sizes, "explicit", count=1):
        values = {name: m.to_Matrix() for name, m in i.matrices.items()}
        numbers = {s: QQ.to_sympy(v) for s, v in i.scalars.items()} | i.sizes
        try:
            ours = i.evaluate(e)
        except Unusable:
            assume(False)
        theirs = explicit(e, values, numbers)
        if isinstance(ours, dict):
            exact = sum(QQ.to_sympy(v[0]) * (1 if key == 1 else sp.log(key))
                        for key, v in ours.items())  # fmt: skip
            assert sp.simplify(sp.expand_log(theirs - exact, force=True)) == 0
        else:
            assert ours[0].to_Matrix() == theirs


@QUICK
@given(st.one_of(matrices(depth=2), scalars()), st.integers(0, 10**6))
def test_differentiation_agrees_with_series(e, seed):
    """The rules of d, evaluated, against the coefficient of an exact power series."""
    for sizes in ((2, 3), (3, 1)):
        agree(D(e), differentiate(e, D), sizes, seed)


@QUICK
@given(matrices((N, N), 2), st.integers(0, 10**6))
def test_second_differentials_agree_with_series(e, seed):
    agree(D(D(e)), differentiate(differentiate(e, D), D), (2, 2), seed)
    agree(D(D(tr(e))), differentiate(D(tr(e)), D), (2, 2), seed)


@QUICK
@given(matrices((N, N), 2, inverses=False), st.integers(0, 10**6))
def test_determinants_multiply(e, seed):
    lhs, rhs = det(e * B), det(e) * det(B)
    verdict = prove(S, lhs, rhs)
    assert verdict.proved
    agree(lhs, rhs, (3, 2), seed)


# -- printing --------------------------------------------------------------------------------
@QUICK
@given(matrices(depth=3), matrices(depth=3), st.integers(0, 10**6))
def test_one_text_means_one_thing(e, f, seed):
    """Two expressions that print alike have one value."""
    for show in (plain, latex):
        if show(e) == show(f) and e.shape == f.shape:
            agree(e, f, (2, 3), seed)


@QUICK
@given(st.one_of(matrices(), scalars()))
def test_plain_text_can_be_read_back(e):
    """What is printed, parsed by the rules of notation, has the value of what was typed."""
    again = read(plain(e))
    if e.shape is None and again.shape is not None:
        again = as_scalar(again)
    agree(e, again, (2, 3), "read")


@QUICK
@given(st.one_of(matrices(), scalars()))
def test_latex_is_balanced(e):
    text = latex(e)
    assert text.count("{") == text.count("}")
    assert text.count(r"\left(") == text.count(r"\right)")


@QUICK
@given(st.one_of(matrices(), scalars()))
def test_records_bring_expressions_back(e):
    assert expression_from(expression_data(e), S).key() == e.key()


def read(text):
    """A reader of the plain notation: A', inv(A), products by juxtaposition, +, -, / and ^."""
    import re

    tokens = re.findall(r"logdet|tr|inv|I\(|\w+|[()'+\-*/^\[\],;]", text)
    names = {x.value: x for row in LETTERS.values() for x in row if x.op == "symbol"}
    names |= {"n": lift(N), "k": lift(K), "a": a, "b": b}
    position = 0

    def peek():
        return tokens[position] if position < len(tokens) else ""

    def take(expected=None):
        nonlocal position
        token = peek()
        assert expected is None or token == expected, (text, position, token)
        position += 1
        return token

    def total():
        out = -term() if peek() == "-" and take() else term()
        while peek() in ("+", "-"):
            out = out + term() if take() == "+" else out - term()
        return out

    def term():
        out = product()
        while peek() == "/":
            take()
            out = out / factor()
        return out

    def product():
        out = factor()
        while peek() and peek() not in ")+-/,;]":
            if peek() == "*":
                take()
            out = out * factor()
        return out

    def factor():
        out = atom()
        while peek() in ("'", "^"):
            out = out.T if take() == "'" else out ** int(take())
        return out

    def atom():
        token = take()
        if token == "(":
            out = total()
            take(")")
            return out
        if token == "I(":
            out = eye(names[take()])
            take(")")
            return out
        if token in ("inv", "tr", "logdet"):
            take("(")
            inner = total()
            take(")")
            return {"inv": lambda x: x.I, "tr": tr, "logdet": logdet}[token](inner)
        return lift(int(token)) if token.isdigit() else names[token]

    out = total()
    assert position == len(tokens), (text, tokens[position:])
    return out


PAIRS = [
    ((A * B).T, A * B.T),
    (-(A + B), -A + B),
    (A - (B + V), A - B + V),
    (A.T.I, A.I),
    ((A * B).I, A * B.I),
    ((A + B).I, A + B.I),
    (A / (a * b), A / a * b),
    (a / (b * a), a / b * a),
    ((A + B) * V, A + B * V),
    (A * (B + V), A * B + V),
    ((A * B) ** 2, A * B**2),
    (2 * tr(A), tr(2 * A.T) / 1 + 0),
    (tr(A) * tr(B), tr(A * B)),
    (det(A) ** 2, det(A * A.T) - 1),
    (log(a) + b, log(a + b)),
    (log(a) * b, log(a * b)),
    (logdet(A) - logdet(B), logdet(A - B)),
    (D(A) * B, D(A * B)),
    (D(A).T, D(A * A.T)),
    (D(A).I, D(A.I)),
    (D(D(A)), D(A)),
    (lift(N - K) * A, N * A - K * A - A),
    (-A * B, A * -B + B),
    ((a + b) ** 2, a + b**2),
    (lift(1) / (a + b), lift(1) / a + b),
    (a / b / a, a / (b / a)),
    (-(a / b), (-a) / b + 1),
    (A * as_scalar(y.T * z), A * (y * z.T)),
    (block([[A, B], [B, A]]), block([[A, B], [A, B]])),
    (expectation(as_scalar(y.T * z) ** 2), expectation(as_scalar(y.T * z)) ** 2),
    (eye(N), eye(K)),
    (y.T * A * z, y.T * (A + A) * z),
    (define("M", A + B) * V, A + B * V),
    (lift(sp.Rational(1, 2)) ** 2, lift(1) / 2**2 + 1),
    (lift(-2) ** 2, -lift(2) ** 2),
    (A**2 * B, (A * B) ** 2),
    ((A.T) ** 2, (A**2).T * 1),
]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda p: f"{plain(p[0])} | {plain(p[1])}")
def test_what_differs_prints_differently(pair):
    first, second = pair
    assert plain(first) != plain(second)
    assert latex(first) != latex(second)


def test_a_definition_prints_by_its_name_and_means_its_content():
    M = define("M", A + B)
    assert plain(M * V) == "M V"
    assert check(S, M * V, A * V + B * V) == "proved"
    assert check(S, M * V, A + B * V) == "refuted"


def test_the_smallest_counterexample_is_small():
    found, tested = search(S, A * B, B * A)
    assert tested == 1
    assert found.sizes == {"n": 2}
    assert isinstance(A, Expr)
