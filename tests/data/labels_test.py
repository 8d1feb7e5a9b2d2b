import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data

LABELS = np.array([0] * 5 + [1] * 7 + [2] * 4)


@pytest.fixture(scope="module")
def digits():
    images = np.arange(16, dtype=np.uint8).reshape(16, 1, 1)
    return data.from_arrays(images, LABELS, name="digits", factor_names=("digit",))


def test_subset_has_the_counts_and_hangs_on_the_seed(digits):
    chosen = np.asarray(data.class_subset(digits, (2, 6, 0)))
    assert np.bincount(LABELS[chosen], minlength=3).tolist() == [2, 6, 0]
    assert len(set(chosen.tolist())) == 8
    assert chosen.tolist() == data.class_subset(digits, (2, 6, 0)).tolist()
    others = [
        data.class_subset(digits, (2, 6, 0), seed=s).tolist() for s in range(1, 9)
    ]
    assert any(other != chosen.tolist() for other in others)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ((1, 2), "2 class counts for the 3 classes of 'digit'"),
        ((6, 1, 1), r"class counts \(6, 1, 1\); .* at most \(5, 7, 4\)"),
        ((-1, 1, 1), r"class counts \(-1, 1, 1\)"),
        ((0, 0, 0), "not all 0"),
    ],
)
def test_impossible_counts_are_refused(digits, counts, message):
    with pytest.raises(ValueError, match=message):
        data.class_subset(digits, counts)


def test_class_must_be_named_where_there_are_several_factors():
    with pytest.raises(ValueError, match="name one of them as the class"):
        data.class_subset(data.rendered_dsprites(), (1, 1, 1))


def test_imbalanced_counts_look_like_the_published_ones():
    splits = np.array([data.imbalanced_counts(split) for split in range(50)])
    assert (splits.max(1) == 6300).all()
    assert splits.min() >= 630
    assert len({tuple(split) for split in splits}) == 50
    # One class of 6,300 and nine of .55 x 6,300 on average.
    spread = 6300 * np.sqrt(9 * 0.9**2 / 12)
    assert splits.sum(1).mean() == pytest.approx(37_485, abs=5 * spread / np.sqrt(50))
    uniform = np.sqrt(((splits / splits.sum(1, keepdims=True) - 0.1) ** 2).mean(1))
    assert uniform.mean() == pytest.approx(0.0438, abs=0.006)


def test_members_of_a_population_draw_from_classes_of_their_own(digits):
    wanted = [(5, 0, 1), (1, 7, 0)]
    samplers = [data.images(digits, 3000, class_counts=counts) for counts in wanted]
    args = jax.tree.map(lambda *a: jnp.stack(a), *[s.args for s in samplers])
    keys = jax.random.split(jax.random.key(0), 2)
    sample = jax.jit(
        jax.vmap(lambda key, args: samplers[0].sample(digits, key, jnp.int32(0), args))
    )
    batch = sample(keys, args)
    for labels, counts in zip(np.asarray(batch["factors"]), wanted, strict=True):
        share = np.bincount(labels[:, 0], minlength=3) / 3000
        np.testing.assert_allclose(share, np.array(counts) / sum(counts), atol=0.05)


def test_class_counts_have_no_epoch(digits):
    with pytest.raises(ValueError, match='use order="keyed"'):
        data.images(digits, 4, class_counts=(1, 1, 1), order="epoch")
