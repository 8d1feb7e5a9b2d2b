"""A method whose images encode their category, so that every score is known."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import evaluation
from dis_jax.methods import Categorical, Method, State

CONFIG = SimpleNamespace(
    method="infogan",
    prior="learned",
    network=SimpleNamespace(noise=3, categories=4, continuous=1),
)
PRIOR = np.array([0.1, 0.2, 0.3, 0.4])
SHOWS = np.array([2, 0, 1, 3])  # the class that each category is rendered as


class Classifier:
    """Predicts the class from an image's first pixel; features are its first two values."""

    def digits(self, images):
        return np.rint(np.asarray(images)[:, 0, 0, 0] * 4).astype(int)

    def features(self, images):
        return np.asarray(images).reshape(len(images), -1)[:, :2]


def _state():
    params = {"prior": {"logits": jnp.log(jnp.asarray(PRIOR))}}
    return State(jnp.int32(0), jax.random.key(0), params, {}, {}, {})


def _image(shown):
    return jnp.tile(shown[:, None, None, None] / 4, (1, 2, 2, 1))


def _method(shows=SHOWS):
    def encode(state, batch):
        shown = jnp.rint(batch["image"][:, 0, 0, 0] * 4).astype(int)
        return {"category": Categorical(9.0 * jnp.eye(4)[jnp.argsort(SHOWS)[shown]])}

    def decode(state, codes):
        return _image(jnp.asarray(shows)[codes["category"].argmax(1)])

    return Method("images", None, None, encode, decode, code="category")


def _scores(method, trained_on):
    labels = np.arange(40) % 4
    truth = np.empty(4)
    truth[SHOWS] = PRIOR
    return evaluation.score_categories(
        method,
        _state(),
        CONFIG,
        jax.random.key(1),
        Classifier(),
        (_image(labels), labels),
        truth,
        trained_on,
        per_category=20,
    )


def test_a_system_that_knows_all_is_perfect():
    classes = np.random.default_rng(1).choice(4, 2000, p=PRIOR)
    scores = _scores(_method(), _image(SHOWS[classes]))
    assert scores.generated.accuracy == scores.real.accuracy == 1.0
    assert scores.generated.average_entropy == 0.0
    assert scores.rmse == pytest.approx(0, abs=1e-6)
    assert scores.rmse_sorted == pytest.approx(0, abs=1e-6)
    assert scores.digits == 4
    assert scores.frechet < 0.001
    np.testing.assert_allclose(scores.prior, PRIOR, rtol=1e-6)


def test_a_collapsed_system_is_found_out():
    scores = _scores(_method(np.array([3, 3, 3, 3])), _image(np.arange(40) % 4))
    assert scores.digits == 1
    assert scores.generated.nmi_arithmetic == 0.0
    # rows have entropy 0; the full column and the three empty ones are uniform
    assert scores.generated.average_entropy == pytest.approx(np.log(4) / 2)
    assert scores.real.accuracy == 1.0
    # mean .375 against .75, variance against none, in each of two equal features
    expected = 2 * 0.375**2 + 2 * np.var(np.arange(40) % 4 / 4, ddof=1)
    assert scores.frechet == pytest.approx(expected, rel=1e-5)


def test_codes_are_those_of_the_method():
    category = jnp.eye(4)
    codes = evaluation.draw_codes(CONFIG, jax.random.key(0), category)
    assert codes["noise"].shape == (4, 3)
    assert codes["continuous"].shape == (4, 1)
    assert abs(codes["continuous"]).max() <= 1
    other = SimpleNamespace(method="vae")
    with pytest.raises(ValueError, match="no category to generate from"):
        evaluation.draw_codes(other, jax.random.key(0), category)
    with pytest.raises(ValueError, match="no category to generate from"):
        evaluation.class_prior(other, _state())


def test_a_method_without_decoder_generates_nothing():
    method = _method()._replace(decode=None)
    with pytest.raises(ValueError, match="no decoder"):
        evaluation.generate(method, _state(), CONFIG, jax.random.key(0), [0])


def test_a_generator_that_normalises_by_its_batch_shows_categories_apart():
    def decode(state, codes):
        centred = codes["category"] - codes["category"].mean(axis=0)
        return centred[:, None, None, :1]

    method = _method()._replace(decode=decode)
    category = np.repeat([0, 1, 2], 301)  # batches of 250, the last one not full
    images = evaluation.generate(
        method, _state(), CONFIG, jax.random.key(0), category
    ).ravel()
    np.testing.assert_array_equal(images > 0, category == 0)
    assert images.min() < -0.2  # of each batch a third or so is of category 0


def test_every_image_has_codes_of_its_own():
    decode = lambda state, codes: codes["noise"]
    images = evaluation.generate(
        *(_method()._replace(decode=decode), _state(), CONFIG, jax.random.key(0)),
        np.zeros(600, int),
    )
    assert len(np.unique(images[:, 0])) == 600


@pytest.mark.parametrize(
    ("category", "message"),
    [
        ([4], "category is 4 to 4; expected numbers from 0 to 3"),
        ([-1, 0], "category is -1 to 0"),
        ([0.5], "type float64; expected at least one integer"),
        ([], "expected at least one integer"),
    ],
)
def test_categories_that_are_none_are_refused(category, message):
    with pytest.raises(ValueError, match=message):
        evaluation.generate(_method(), _state(), CONFIG, jax.random.key(0), category)


def test_what_cannot_be_matched_is_refused_before_anything_is_made():
    method = _method()._replace(decode=lambda state, codes: pytest.fail("made images"))
    with pytest.raises(ValueError, match="4 categories and frequencies has 3 classes"):
        evaluation.score_categories(
            *(method, _state(), CONFIG, jax.random.key(1), Classifier(), (0, 0)),
            np.full(3, 1 / 3),
            _image(np.arange(4)),
        )
