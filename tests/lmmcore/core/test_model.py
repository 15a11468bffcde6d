"""What a model accepts and refuses, at the borders, and how it reads labels and times."""

import numpy as np
import pytest

from lmmcore import AR1, LinearMixedModel, ScaledIdentity, grouped, repeated
from lmmcore.columns import Factor, within_groups
from reference_models import ONE

RNG = np.random.default_rng(1)
Y, G, X = RNG.standard_normal(12), np.arange(12) % 4, RNG.standard_normal(12)


@pytest.mark.parametrize(("value", "message"), [
    (-1e80, "beyond 1e"), (1.01e70, "beyond 1e"), (-np.inf, "1 missing or infinite"),
    (-0.99e70, None)])
def test_values_too_large_of_either_sign(value, message):
    y = Y.copy()
    y[3] = value
    if message is None:
        assert grouped(y, ONE, G).y[3] == value
    else:
        with pytest.raises(ValueError, match=message):
            grouped(y, ONE, G)


@pytest.mark.parametrize("sign", [-1, 1])
def test_values_too_small_of_either_sign(sign):
    y = sign * np.array([*[0.5] * 11, 1.0])
    assert grouped(1.01e-70 * y, ONE, G).n == 12
    with pytest.raises(ValueError, match="below 1e-70 only"):
        grouped(0.99e-70 * y, ONE, G)


@pytest.mark.parametrize("n", [12, 12_000])
def test_how_dependent_columns_may_be(n):
    # columns of length 1, of which the last leaves a part at a right angle to those before
    x, y = np.tile([1.0, -1.0], n // 2), np.random.default_rng(3).standard_normal(n)
    other = np.tile([1.0, 1, -1, -1], n // 4)
    for part in (1e-3, 3e-9, 1.1e-10):
        assert grouped(y, {"x": x, "z": 1e5 * (x + part * other)}, np.arange(n) % 4).p == 2
    with pytest.raises(ValueError, match="full column rank: z"):
        grouped(y, {"x": x, "z": 1e5 * (x + 0.9e-10 * other)}, np.arange(n) % 4)


def test_a_named_column_is_one_column():
    with pytest.raises(ValueError, match=r"X\['a'\] has shape \(12, 2\); y has 12"):
        grouped(Y, {"a": np.ones((12, 2))}, G)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_how_little_a_response_may_vary(unit):
    pattern = np.tile([1.0, -1.0], 6)  # of length sqrt(12), as the constant
    def response(part):
        return unit * (1 + part * np.sqrt(12) * pattern)

    assert grouped(response(1.1e-13), ONE, G).n == 12
    with pytest.raises(ValueError, match="no variation is left"):
        grouped(response(0.9e-13), ONE, G)


def test_a_column_of_zeros_in_a_given_Z_is_refused():
    Z = np.eye(4)[G]
    with pytest.raises(ValueError, match=r"columns \[1, 3\] of Z are all zero"):
        LinearMixedModel(Y, np.ones((12, 1)), Z * [1, 0, 1, 0], repeated(ScaledIdentity(2), 2))
    # a level without any effect is none
    model = LinearMixedModel(Y, np.ones((12, 1)), Z * [1, 1, 1, 0], repeated(ScaledIdentity(1), 4))
    assert model.k == 4


def test_one_observation_per_level_with_effects_of_either_sign():
    with pytest.raises(ValueError, match="one observation per level"):
        grouped(Y, ONE, {"g": np.arange(12)}, {"g": {"z": np.tile([3.0, -3.0], 6)}})
    assert grouped(Y, ONE, {"g": np.arange(12)}, {"g": {"z": X}}).k == 12


def test_labels_may_be_text_in_objects():
    text = np.array(["north", "south", "east", "west"])
    as_objects = grouped(Y, ONE, text.astype(object)[G])
    np.testing.assert_array_equal(as_objects.terms[0].levels, np.sort(text))
    np.testing.assert_array_equal(as_objects.Z.toarray(), grouped(Y, ONE, text[G]).Z.toarray())
    assert as_objects.terms[0].levels.dtype.kind == "U"


@pytest.mark.parametrize("first", [-7, 0, 1990])
def test_times_within_groups(first):
    codes, time = np.array([0, 1, 0, 1, 0]), np.array([2, 5, 0, 4, 7]) + first
    series, steps, begin, lengths = within_groups(Factor(np.arange(2), codes), time)
    np.testing.assert_array_equal(series, codes)
    np.testing.assert_array_equal(steps, [2, 1, 0, 0, 7])
    np.testing.assert_array_equal(begin, [first, 4 + first])
    np.testing.assert_array_equal(lengths, [8, 2])


@pytest.mark.parametrize("first", [1, -300])
def test_how_long_a_time_may_be(first):
    time = np.arange(12) + first
    time[-1] = first + 20 * 12 + 100 - 1  # as many steps as 12 observations may have
    model = grouped(Y, ONE, {}, errors=AR1(time))
    assert model.errors.gap[-1] == 20 * 12 + 100 - 11
    time[-1] += 1
    with pytest.raises(ValueError, match="341 steps for 12 observations"):
        grouped(Y, ONE, {}, errors=AR1(time))
