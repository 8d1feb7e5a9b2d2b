"""Probes: accuracy from the image, and accuracy if the label enters the code."""

import jax
import numpy as np
import pytest

from dis_jax import evaluation
from dis_jax.evaluation import group_probes
from dis_jax.methods import Gaussian
from dis_jax.probing import sklearn_models

KEY = jax.random.key(0)
LABELS = np.array([3, 7, 12])  # any whole numbers


def split(shift, count=2048, logvar=0.0):
    """Codes with means around `shift` times a corner of a simplex, one corner per label.

    All tests of the network use these sizes, so that they share one compiled program.
    """
    made = []
    for part in range(2):
        rng = np.random.default_rng([0, part])
        which = rng.integers(3, size=count)
        mean = shift * np.eye(4)[which] + rng.normal(size=(count, 4))
        made += [Gaussian(mean, np.full_like(mean, logvar)), LABELS[which]]
    return made


def accuracy(parts, **options):
    options = {"batch_size": 64, "steps": 200} | options
    return evaluation.probe(KEY, *parts, **options)


@pytest.mark.parametrize(
    ("model", "evidence"),
    [
        *(("logistic", evidence) for evidence in group_probes.EVIDENCE),
        # both draw codes in the same way, and the network compiles slowly
        *(("mlp", evidence) for evidence in ("image", "disjoint")),
    ],
)
def test_a_label_that_goes_into_the_code_comes_out_again(model, evidence):
    parts = split(shift=0.8)
    found = accuracy(parts, evidence=evidence, model=model)
    assert found.leaks_labels == (evidence == "batch")
    best = best_possible(parts)
    assert best < 0.7
    if evidence == "batch":
        assert found.accuracy > 0.9
    else:  # the accuracy from an image alone; evidence of others adds nothing
        assert abs(found.accuracy - best) < 0.07


def best_possible(parts):
    """Accuracy of the nearest of the true centres."""
    mean, label = parts[2].mean, parts[3]
    centres = 0.8 * np.eye(4)[:3]
    nearest = ((mean[:, None] - centres) ** 2).sum(axis=-1).argmin(axis=1)
    return np.mean(LABELS[nearest] == label)


def test_nothing_is_read_off_noise():
    parts = split(shift=0.0)
    for evidence in ("image", "disjoint"):
        found = accuracy(parts, evidence=evidence)
        assert abs(found.accuracy - 1 / 3) < 0.1
        assert abs(found.chance - 1 / 3) < 0.1


def test_noise_hides_what_its_scale_allows():
    parts = split(shift=12.0, logvar=2 * np.log(30.0))
    assert accuracy(parts).accuracy > 0.98
    assert accuracy(parts, noise_scale=0.01).accuracy > 0.98
    assert accuracy(parts, noise_scale=1.0).accuracy < 0.55


def test_noise_of_evidence_is_shared_by_the_group():
    """With one draw per group, members of a group have equal codes within a batch."""
    settings = group_probes._Settings("batch", 3, 64, 1, 1e-3, False)
    mean, labels = split(shift=0.8)[:2]
    index = np.searchsorted(LABELS, labels[:64])
    codes = group_probes._Codes(mean.mean[:64], mean.logvar[:64], index)

    @jax.jit
    def draw(scale):
        return group_probes._draw(settings, KEY, codes, codes, scale)

    still, drawn, twice = (np.asarray(draw(scale)) for scale in (0.0, 1.0, 2.0))
    noise, twice = drawn - still, twice - drawn
    np.testing.assert_allclose(twice, noise, rtol=1e-3, atol=1e-5)
    for label in range(3):
        members = drawn[index == label]
        np.testing.assert_array_equal(members, np.repeat(members[:1], len(members), 0))
    firsts = [noise[index == label][0] for label in range(3)]
    assert np.all(firsts)
    assert len(np.unique(firsts)) == np.size(firsts)


def test_the_two_batches_have_no_image_in_common():
    settings = group_probes._Settings("disjoint", 3, 64, 1, 1e-3, False)
    codes = group_probes._Codes(*(np.arange(101)[:, None],) * 2, np.arange(101))
    two_batches = jax.jit(group_probes._two_batches, static_argnums=0)
    for i in range(8):
        a, b = two_batches(settings, jax.random.key(i), codes)
        assert not set(a.label.tolist()) & set(b.label.tolist())


def test_a_group_that_the_other_batch_lacks_is_not_chosen():
    mean = np.array([[0.0], [5.0]])
    codes = group_probes._Codes(mean, 0 * mean, np.array([0, 1]))
    groups = Gaussian(np.array([[0.0], [4.0], [5.0]]), np.zeros((3, 1)))
    nearest = group_probes._nearest_group(codes, groups, np.array([0, 1, 1]))
    assert nearest.tolist() == [0, 1]


def test_the_classifier_bends_where_a_line_does_not():
    """Six sectors of a disc; each of the three labels has two opposite sectors."""
    mean = np.random.default_rng(0).normal(size=(2048, 4))
    sector = np.floor(np.arctan2(mean[:, 0], mean[:, 1]) / (np.pi / 3)).astype(int)
    codes, label = Gaussian(mean, 0 * mean), LABELS[sector % 3]
    parts = codes, label, codes, label
    assert accuracy(parts, model="logistic").accuracy < 0.65
    assert accuracy(parts).accuracy > 0.93


def test_logistic_is_scikit_learns():
    parts = split(shift=2.0)
    found = accuracy(parts, model="logistic", batch_size=512)
    x, y, x_test, y_test = parts[0].mean, parts[1], parts[2].mean, parts[3]
    centre, spread = x.mean(axis=0), x.std(axis=0)
    model = sklearn_models.fit_logistic((x - centre) / spread, y)
    expected = model.score((x_test - centre) / spread, y_test)
    np.testing.assert_allclose(found.accuracy, expected, atol=0.005)


def test_what_does_not_fit_is_named():
    codes, labels, test_codes, test_labels = split(shift=1.0, count=80)
    with pytest.raises(ValueError, match="evidence is 'labels'"):
        accuracy((codes, labels, test_codes, test_labels), evidence="labels")
    with pytest.raises(ValueError, match="lower batch_size"):
        accuracy((codes, labels, test_codes, test_labels), evidence="disjoint")
    with pytest.raises(ValueError, match=r"labels \[99\] of test_codes"):
        accuracy((codes, labels, test_codes, np.full(80, 99)))
    with pytest.raises(ValueError, match="codes has shapes"):
        accuracy((codes, labels[:-1], test_codes, test_labels))


@pytest.mark.parametrize(
    ("model", "evidence"),
    [("mlp", "image"), ("mlp", "disjoint"), ("logistic", "disjoint")],
)
def test_labels_may_take_turns(model, evidence):
    # As in pairs, or in a grid whose last factor has an even number of values.
    rows = np.arange(2048)
    labels = np.where(rows % 2, 0, 1 + rows // 2 % 2)
    mean = 6.0 * np.eye(4)[labels] + np.random.default_rng(0).normal(size=(2048, 4))
    codes = Gaussian(mean, np.zeros_like(mean))
    found = accuracy((codes, labels, codes, labels), model=model, evidence=evidence)
    assert found.accuracy > 0.95


def test_unknown_labels_are_no_class():
    codes, labels, test_codes, _ = split(shift=1.0, count=80)
    some = np.where(np.arange(80) < 50, -1, labels)
    message = r"found -1 \(unknown\) in 50 of 80 rows; drop these rows"
    with pytest.raises(ValueError, match=f"labels of codes must be known, {message}"):
        accuracy((codes, some, test_codes, some), model="logistic")
    with pytest.raises(ValueError, match=f"labels of test_codes .* {message}"):
        accuracy((codes, labels, test_codes, some), model="logistic")


def test_codes_that_are_not_finite_are_no_chance_level():
    codes, labels, *test = split(shift=1.0, count=80)
    broken = Gaussian(np.full_like(codes.mean, np.nan), codes.logvar)
    with pytest.raises(ValueError, match=r"codes.mean must be finite, found nan"):
        accuracy((broken, labels, *test), model="logistic")
    with pytest.raises(ValueError, match=r"test_codes.logvar must be finite"):
        accuracy((codes, labels, Gaussian(codes.mean, broken.mean), labels))


def test_batch_statistics_take_away_what_test_batches_share():
    codes, labels, test, test_labels = split(shift=8.0)
    moved = test._replace(mean=test.mean + 50.0 * np.eye(4)[0])
    parts = codes, labels, moved, test_labels
    assert accuracy(parts).accuracy < 0.5
    assert accuracy(parts, batch_statistics=True).accuracy > 0.95
