import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data


def bytes_set(**changes):
    images = np.arange(4 * 8, dtype=np.uint8).reshape(4, 4, 2) * 8
    arguments = {"images": images, "name": "small"} | changes
    return data.from_arrays(**arguments)


def test_bytes_become_zero_to_one():
    images = np.array([[[0, 51]], [[102, 255]]], np.uint8)
    small = data.from_arrays(images, name="small")
    assert small.arrays["images"].dtype == jnp.uint8
    taken, factors = small.take(np.array([1, 0]))
    np.testing.assert_allclose(taken[..., 0], [[[0.4, 1]], [[0, 0.2]]], rtol=1e-6)
    assert taken.dtype == jnp.float32
    assert factors.shape == (2, 0)


def test_bits_are_packed_and_come_back():
    images = np.random.default_rng(0).random((5, 3, 7)) < 0.5  # 21 bits: 3 bytes
    small = data.from_arrays(images, name="small")
    assert small.arrays["images"].nbytes == 15
    taken, _ = jax.jit(lambda s, i: s.take(i))(small, np.arange(5))
    np.testing.assert_array_equal(taken[..., 0], images)


def test_floats_are_kept():
    images = np.linspace(0, 1, 24).reshape(2, 2, 2, 3)
    taken, _ = data.from_arrays(images, name="small").take(np.array([1]))
    np.testing.assert_allclose(taken[0], images[1], rtol=1e-6)


def test_grid_in_any_order_is_found():
    sizes = (2, 3, 2)
    factors = np.stack(np.unravel_index(np.arange(12), sizes), axis=-1)
    shuffled = np.random.default_rng(0).permutation(12)
    images = np.arange(12, dtype=np.uint8).reshape(12, 1, 1)
    names = ("a", "b", "c")
    small = data.from_arrays(
        images[shuffled], factors[shuffled], name="small", factor_names=names
    )
    assert small.is_grid
    assert small.sizes == sizes
    drawn = small.images(factors)[:, 0, 0, 0] * 255
    np.testing.assert_allclose(drawn, np.arange(12), rtol=1e-6)
    _, taken = small.take(np.arange(12))
    np.testing.assert_array_equal(taken, factors[shuffled])


@pytest.mark.parametrize(
    ("factors", "sizes"),
    [
        ([[0, 0], [0, 1], [1, 0], [1, 0]], None),  # one cell twice, one missing
        ([[0, 0], [0, 1], [1, 0], [1, -1]], None),  # one label unknown
        ([[0, 0], [0, 1], [1, 0], [1, 1]], (2, 3)),
    ],
)
def test_what_is_no_grid_names_take(factors, sizes):
    small = bytes_set(factors=np.array(factors), factor_names=("a", "b"), sizes=sizes)
    assert not small.is_grid
    with pytest.raises(ValueError, match=r"'small' is not a full grid.*take"):
        small.images(np.array([[0, 0]]))


@pytest.mark.parametrize("index", [[4], [-1], [10**10], [1.5]])
def test_positions_outside_are_refused(index):
    with pytest.raises(ValueError, match="integers from 0 to below 4"):
        bytes_set().take(index)


def test_values_outside_their_factor_are_refused():
    grid = data.load("rendered_dsprites")
    for factors in ([[5, 0, 0, 0, 0]], [[0, -1, 0, 0, 0]], [[0, 0, 0, 0, 1.0]]):
        with pytest.raises(ValueError, match=r"below \(3, 6, 40, 32, 32\)"):
            grid.images(factors)


def test_set_is_an_argument_of_compiled_code_and_never_a_constant():
    small = bytes_set()
    program = jax.make_jaxpr(lambda s, i: s.take(i))(small, np.array([0]))
    assert sum(np.size(constant) for constant in program.consts) == 0
    assert small.arrays["images"].shape in [v.aval.shape for v in program.jaxpr.invars]


def test_sets_of_one_form_share_a_program():
    traces = []

    @jax.jit
    def take(image_set, index):
        traces.append(image_set.name)
        return image_set.take(index)

    take(bytes_set(), np.array([0]))
    take(bytes_set(images=np.zeros((4, 4, 2), np.uint8)), np.array([1]))
    assert traces == ["small"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": np.zeros((4, 8))}, r"shape \(4, 8\).*\(n, height, width\)"),
        ({"images": np.zeros((4, 8, 8, 2), np.uint8)}, r"\(4, 8, 8, 2\).*1 or 3"),
        ({"images": np.zeros((0, 8, 8), np.uint8)}, r"\(0, 8, 8, 1\)"),
        ({"images": np.zeros((4, 8, 8), np.int64)}, "dtype int64"),
        ({"images": np.full((4, 2, 2), 1.5)}, "go from 1.5 to 1.5"),
        ({"images": np.full((4, 2, 2), -0.25)}, "go from -0.25 to -0.25"),
        ({"images": np.eye(4, dtype=np.uint8)[None]}, "astype.bool"),
        ({"factors": np.zeros((3, 1), int), "factor_names": "a"}, r"\(3, 1\).*\(4, 1"),
        ({"factors": np.zeros((4, 2), int), "factor_names": "a"}, r"\(4, 2\).*\(4, 1"),
        ({"factors": np.zeros((4, 1)), "factor_names": "a"}, "dtype float64"),
        (
            {"factors": np.zeros((4, 2), int), "factor_names": ()},
            "each of its 2 columns",
        ),
        (
            {"factors": np.array([0, 3, 1, 9]), "factor_names": "a", "sizes": (3,)},
            "'a' of 'small' has 2 labels out of range, the first 3 at 1; expected 0 to",
        ),
        (
            {"factors": np.array([0, -2, 1, 1]), "factor_names": "a"},
            "1 labels out of range, the first -2 at 1.*no other number means unknown",
        ),
        (
            {"factors": np.array([-1, 1, 1, -1]), "factor_names": "a"},
            "'a' of 'small' has only the labels -1 and 1.*write 0 and 1",
        ),
        (
            {"factors": np.array([0, 1, np.nan, 1]), "factor_names": "a"},
            "factor 'a' of 'small' is nan at row 2",
        ),
        (
            {"factors": np.array(["red", "blue"] * 2), "factor_names": "a"},
            r"dtype <U4, the first .*red.*np\.unique\(strings, return_inverse=True\)",
        ),
        (
            {"factors": np.array([None, 1, 2, 0]), "factor_names": "a"},
            "dtype object, the first None",
        ),
        (
            {"factors": np.array([0, 1, 2, 2**63], np.uint64), "factor_names": "a"},
            "1 labels out of range, the first 9223372036854775808 at 3",
        ),
        (
            {"factors": np.zeros((4, 2), int), "factor_names": "aa"},
            r"factor_names of 'small' are \('a', 'a'\); expected each name once",
        ),
        (
            {"factors": np.array([0, 1, 1, 1]), "factor_names": "a", "sizes": (2, 2)},
            r"sizes of 'small' are \(2, 2\)",
        ),
    ],
)
def test_bad_arrays_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        bytes_set(**changes)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_images_are_refused(value):
    images = np.zeros((4, 2, 2))
    images[2, 1, 0] = value
    with pytest.raises(ValueError, match=r"1 non-finite.*\(2, 1, 0, 0\)"):
        bytes_set(images=images)


def test_npz_is_read(tmp_path):
    path = tmp_path / "mine.npz"
    images = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    np.savez(path, pictures=images, hue=np.array([2, 0, 1]), size=np.array([0, 0, 1]))
    mine = data.from_npz(path, images="pictures", factors=("hue", "size"))
    assert (mine.name, mine.factor_names, mine.sizes) == (
        "mine",
        ("hue", "size"),
        (3, 2),
    )
    taken, factors = mine.take(np.array([2]))
    np.testing.assert_allclose(taken[0, ..., 0] * 255, images[2], rtol=1e-6)
    assert factors.tolist() == [[1, 1]]


def test_npz_that_lacks_something_is_refused(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, pictures=np.zeros((3, 2, 2), np.uint8), hue=np.zeros((3, 2), int))
    with pytest.raises(ValueError, match=r"no array 'images'.*\['hue', 'pictures'\]"):
        data.from_npz(path)
    with pytest.raises(ValueError, match=r"factor 'hue'.*\(3, 2\)"):
        data.from_npz(path, images="pictures", factors=("hue",))
    with pytest.raises(FileNotFoundError, match=r"other\.npz"):
        data.from_npz(tmp_path / "other.npz")


def test_a_label_that_is_minus_one_is_unknown_where_sizes_are_given():
    small = bytes_set(factors=np.array([-1, 1, 1, -1]), factor_names="a", sizes=(2,))
    assert small.factors(np.arange(4))[:, 0].tolist() == [-1, 1, 1, -1]
