"""Sections of a method that generates blobs from a category, which is their size."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from dis_jax.figures import category_sections
from dis_jax.figures.curves import Curve
from dis_jax.figures.report_inputs import make_subject
from dis_jax.methods import Categorical, Gaussian

# the size that each category stands for
SIZE_OF = np.array([2, 0, 3, 1])


@pytest.fixture(scope="module")
def subject(method, state, blobs, tmp_path_factory):
    """Places are continuous codes; the size predicts the category without error."""

    middle = blobs.images(jnp.array([[size, 4, 4] for size in range(4)]))
    sizes = jax.jit(method.encode)(state, {"image": middle})["z"].mean[:, 0]

    def encode(state, batch):
        mean, logvar = method.encode(state, batch)["z"]
        size = abs(mean[:, :1] - sizes).argmin(axis=1)
        logits = 9.0 * jnp.eye(4)[jnp.argsort(SIZE_OF)[size]]
        return {
            "z": Gaussian(mean[:, 1:3], logvar[:, 1:3]),
            "category": Categorical(logits),
        }

    def decode(state, codes):
        size = jnp.asarray(SIZE_OF)[codes["category"].argmax(axis=1)]
        size = (size / 3 * 3.4 - 1.7)[:, None]
        rest = jnp.zeros((len(size), 2))
        z = jnp.concatenate([size, codes["z"], rest], axis=1)
        return method.decode(state, {"z": z})

    config = ConfigDict(
        {
            "method": "joint_vae",
            "categories": 4,
            "network": {"latent": 6},
            "sampler": {"class_factor": "size", "class_counts": (4, 3, 2, 1)},
            **{"seed": 0, "hparams": {}, "population": {}},
        }
    )
    return make_subject(
        tmp_path_factory.mktemp("run"),
        *(method._replace(encode=encode, decode=decode), state, config, blobs),
        member=0,
        num_examples=256,
    )


def test_each_row_of_the_grid_is_one_category(subject):
    seen = []
    decode = subject.decode
    spy = lambda codes: seen.append(codes) or decode(codes)
    section = category_sections.generated(subject._replace(decode=spy))
    names = ["generated.png", "generated_paths.png", "nearest.png"]
    assert sorted(section.files) == names
    grid, line = seen
    np.testing.assert_array_equal(
        grid["category"].argmax(axis=1), np.repeat(np.arange(4), 12)
    )
    assert len(np.unique(grid["z"][:, 0])) == 48
    # along a path, the category is constant and z is linear
    category = np.asarray(line["category"]).reshape(4, 9, 4)
    np.testing.assert_array_equal(category, np.eye(4)[:, None].repeat(9, axis=1))
    z = np.asarray(line["z"]).reshape(4, 9, 2)
    np.testing.assert_allclose(z[:, 4], (z[:, 0] + z[:, 8]) / 2, atol=1e-5)
    assert (z[:, 0] != z[:, 8]).all()


def test_the_nearest_images_are_real_ones_of_that_size(subject, monkeypatch):
    shown = []
    grid = category_sections.retrieval_grid
    monkeypatch.setattr(
        category_sections,
        "retrieval_grid",
        lambda *images, **options: shown.append(images) or grid(*images, **options),
    )
    category_sections.generated(subject)
    queries, found = shown[0]
    assert found.shape[:2] == (4, 6)
    distance = ((queries[:, None] - found) ** 2).sum(axis=(2, 3, 4))
    assert (np.diff(distance, axis=1) >= 0).all()
    nearest = ((queries[:, None] - subject.images[None]) ** 2).sum(axis=(2, 3, 4))
    np.testing.assert_allclose(distance[:, 0], nearest.min(axis=1), rtol=1e-5)


def test_categories_meet_their_classes_and_the_prior_its_truth(subject, monkeypatch):
    drawn = {}
    for name in ("confusion_matrix", "prior_bars"):
        draw = getattr(category_sections, name)
        monkeypatch.setattr(
            category_sections,
            name,
            lambda *values, name=name, draw=draw, **options: (
                drawn.setdefault(name, values) and draw(*values, **options)
            ),
        )
    step = np.arange(3)
    curves = {f"prior_{i}": Curve(step, np.full(3, 0.25)) for i in range(4)}
    section = category_sections.classes(subject._replace(curves=curves))
    assert sorted(section.files) == [
        *("confusion.png", "prior.png", "prior_over_time.png"),
    ]
    (confusion,) = drawn["confusion_matrix"]
    np.testing.assert_array_equal(confusion, 64 * np.eye(4)[SIZE_OF])
    prior, truth = drawn["prior_bars"]
    np.testing.assert_allclose(prior, 0.25)
    np.testing.assert_allclose(truth, [0.4, 0.3, 0.2, 0.1])
    assert "Accuracy 1.000" in section.body


def test_a_member_is_compared_with_its_own_subset(subject, monkeypatch):
    drawn = []
    bars = category_sections.prior_bars
    monkeypatch.setattr(
        category_sections, "prior_bars", lambda *v: drawn.append(v) or bars(*v)
    )
    counts = (4, 3, 2, 1), (1, 1, 1, 7)
    config = ConfigDict(subject.config.to_dict())
    config.population = {"seed": (), "class_counts": counts}
    for member in range(2):
        category_sections.classes(subject._replace(config=config, member=member))
    # each figure is drawn for the page, light and dark, and for its file
    truths = [truth for _, truth in drawn[:: len(drawn) // 2]]
    np.testing.assert_allclose(truths, np.array(counts) / 10)


def test_a_learned_prior_is_put_in_the_order_of_the_classes(subject, monkeypatch):
    learned = np.array([0.1, 0.2, 0.3, 0.4])
    monkeypatch.setattr(
        category_sections.evaluation, "class_prior", lambda config, state: learned
    )
    drawn = []
    bars = category_sections.prior_bars
    monkeypatch.setattr(
        category_sections, "prior_bars", lambda *v: drawn.append(v) or bars(*v)
    )
    category_sections.classes(subject)
    in_order = np.empty(4)
    in_order[SIZE_OF] = learned
    np.testing.assert_allclose(drawn[0][0], in_order)


def test_others_have_nothing_to_show(subject):
    other = subject._replace(config=ConfigDict({"method": "vae", "sampler": {}}))
    for section in (category_sections.generated, category_sections.classes):
        assert not section(other).body
    unlabelled = subject._replace(factors=-np.ones_like(subject.factors))
    assert "no class label" in category_sections.classes(unlabelled).reading
