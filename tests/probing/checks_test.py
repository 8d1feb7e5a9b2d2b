import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax.probing import checks
from dis_jax.probing.factor_kinds import check_kinds


def test_codes_keep_their_precision_and_accept_jax():
    assert checks.check_codes(np.zeros((3, 2), np.float32)).dtype == np.float32
    assert checks.check_codes(jnp.zeros((3, 2))).dtype == np.float32
    assert checks.check_codes([[1, 2], [3, 4]]).dtype == np.float64


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros(5), r"codes must have the shape \(batch, latent\), found \(5,\)"),
        (np.zeros((5, 0)), r"found \(5, 0\)"),
        (np.zeros((1, 2)), "at least 2 rows, found 1"),
        ([[0.0, 1.0], [np.nan, 1.0]], "found nan at row 1, dimension 0"),
        ([[0.0, np.inf], [0.0, 1.0]], "found inf at row 0, dimension 1"),
        (np.full((3, 2), 1j), "real numbers, found complex128 such as 1j"),
        ([["0.5", "red"]] * 3, "real numbers, found <U3 such as 0.5"),
    ],
)
def test_bad_codes_are_named(bad, message):
    with pytest.raises(ValueError, match=message):
        checks.check_codes(bad)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros(4, int), r"shape \(4, factor\), one row per code, found \(4,\)"),
        (np.zeros((3, 2), int), r"found \(3, 2\)"),
        (np.full((4, 1), 1j), "real numbers or words, found complex128"),
        (np.array([[0.0], [np.nan], [1.0], [0.0]]), "found nan at row 1, factor 0"),
        ([[0.5], [1.0], [2.0], [0.0]], "integers"),
        (
            [[0, 7], [1, 7], [0, 7], [1, 7]],
            "factor 1 takes the one value 7 in all 4 rows",
        ),
    ],
)
def test_bad_factors_are_named(bad, message):
    with pytest.raises(ValueError, match=message):
        checks.check_factors(bad, 4)


def test_whole_numbers_in_floats_are_factors():
    found = checks.check_factors([[0.0], [2.0], [0.0], [2.0]], 4)
    assert found.dtype == np.int64
    assert found.tolist() == [[0], [2], [0], [2]]


WORDS = np.array(["red", "green", "red", "green"])


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (WORDS, [1, 0, 1, 0]),
        (WORDS.astype(object), [1, 0, 1, 0]),
        (np.array(["10", "9", "10", "9"]), [10, 9, 10, 9]),
        (np.array([2, 0, 2, 0], np.uint64) + np.uint64(2**63), [1, 0, 1, 0]),
        (np.array([-30, 15, -30, 15]), [-30, 15, -30, 15]),
        (np.array([True, False, True, False]), [1, 0, 1, 0]),
    ],
)
def test_labels_of_other_kinds_are_numbered(labels, expected):
    assert checks.check_factors(labels[:, None], 4).ravel().tolist() == expected


@pytest.mark.parametrize("missing", [None, np.nan, np.inf, "", "nan"])
def test_a_missing_label_is_named_with_its_place(missing):
    labels = np.array([[0, 0], [1, missing], [0, 0], [1, 1]], object)
    message = r"at row 1, factor 1 .*; drop these rows\. evaluate_codes also accepts -1"
    for check in (checks.check_factors, checks.factor_values):
        with pytest.raises(ValueError, match=message):
            check(labels, 4)


@pytest.mark.parametrize("column", [[0, -1, 0, -1], ["a", "-1", "a", "-1"]])
def test_an_unknown_label_is_refused_where_it_would_count_as_a_value(column):
    """`factor_values` keeps it: `evaluate_codes` then skips the factor."""
    labels = np.array(column)[:, None]
    message = (
        r"found -1 \(unknown\) in 2 of 4 rows of factor 0; drop these rows, or use "
        "evaluate_codes"
    )
    with pytest.raises(ValueError, match=f"^factors .*{message}"):
        checks.check_factors(labels, 4)
    assert checks.factor_values(labels, 4)[0][0].tolist() == [0, -1, 0, -1]
    z = np.zeros((4, 1))
    with pytest.raises(ValueError, match=f"^test_factors .*{message}"):
        checks.check_split(z, np.array([[0], [1], [0], [1]]), z, labels)


def test_minus_one_is_unknown_only_in_labels():
    both = np.array([[-1, -1], [0, 0], [-1, -1], [0, 0], [1, 1], [1, 1]])
    found = check_kinds(both, 6, ["continuous", ("circular", 4.0)])
    np.testing.assert_array_equal(np.stack(found, axis=1), both)
    for kind in ("categorical", "ordered"):
        with pytest.raises(ValueError, match="2 of 6 rows of factor 1"):
            check_kinds(both, 6, ["continuous", kind])


def test_a_word_has_the_same_number_in_both_parts():
    z = np.zeros((4, 1))
    _, train, _, test = checks.check_split(z, WORDS[:, None], z[:1], [["red"]])
    assert (train.ravel().tolist(), test.ravel().tolist()) == ([1, 0, 1, 0], [1])


def test_an_identifier_is_no_label():
    with pytest.raises(ValueError, match="takes 9 values in 9 rows, too many to be"):
        checks.check_factors(np.arange(9)[:, None], 9)
    with pytest.raises(ValueError, match=r"found 0\.5 at row 1, factor 0"):
        checks.check_factors([[1.0], [0.5], [1.0], [1.0]], 4)


def test_the_parts_of_a_split_must_match():
    z, v = np.zeros((4, 2)), np.array([[0], [1], [0], [1]])
    with pytest.raises(ValueError, match=r"test_codes .* \(2\), found 3"):
        checks.check_split(z, v, np.zeros((2, 3)), v[:2])
    with pytest.raises(ValueError, match="test_factors must have as many columns"):
        checks.check_split(z, v, z[:2], np.zeros((2, 2), int))
    # A factor that is constant in the test part alone is accepted.
    checks.check_split(z, v, z[:1], v[:1])


def test_a_seed_is_taken_for_its_key():
    wanted = jax.random.key_data(jax.random.key(7))
    for key in (7, np.int64(7), jax.random.key(7), jax.random.PRNGKey(7)):
        found = checks.random_key(key)
        assert jnp.issubdtype(found.dtype, jax.dtypes.prng_key)
        np.testing.assert_array_equal(jax.random.key_data(found), wanted)


@pytest.mark.parametrize(
    "key", [-1, 2**32, 0.5, None, True, "0", jax.random.split(jax.random.key(0))]
)
def test_what_is_no_key_is_refused(key):
    with pytest.raises(ValueError, match=r"(?s)key is .*seed"):
        checks.random_key(key)
