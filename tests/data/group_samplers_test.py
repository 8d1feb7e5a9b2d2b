import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data

LABELS = np.array([3, 0, 3, 1, 3, 1])


def few(labels=LABELS):
    images = np.arange(len(labels), dtype=np.uint8).reshape(-1, 1, 1)
    return data.from_arrays(images, labels, name="few", factor_names=("label",))


def draw(sampler, image_set, step=0):
    sample = jax.jit(sampler.sample)
    batch = sample(image_set, jax.random.key(0), jnp.int32(step), sampler.args)
    return jax.tree.map(np.asarray, batch)


def test_members_share_the_label_and_firsts_are_uniform():
    image_set = few()
    batch = draw(data.groups(image_set, 3000, shared="label", group_size=3), image_set)
    index = np.rint(batch["image"][:, 0, 0, 0] * 255).astype(int)
    assert batch["group"].tolist() == np.repeat(np.arange(1000), 3).tolist()
    np.testing.assert_array_equal(LABELS[index], batch["factors"][:, 0])
    labels = batch["factors"].reshape(1000, 3)
    assert (labels == labels[:, :1]).all()
    counts = np.bincount(index, minlength=6)
    # Each image is equally likely, alone or as a member; members come in threes.
    assert abs(counts - 500).max() < 5 * np.sqrt(3 * 500)


def test_groups_of_a_grid_redraw_what_is_not_shared():
    sizes = (2, 3, 4)
    factors = np.stack(np.unravel_index(np.arange(24), sizes), axis=-1)
    grid = data.from_arrays(
        np.zeros((24, 1, 1)), factors, name="grid", factor_names=("a", "b", "c")
    )
    sampler = data.groups(grid, 400, shared=["a", "c"], group_size=4)
    members = draw(sampler, grid)["factors"].reshape(100, 4, 3)
    assert (members[..., [0, 2]] == members[:, :1, [0, 2]]).all()
    assert {tuple(row) for row in members.reshape(-1, 3)} == {
        tuple(row) for row in factors
    }


def test_found_groups_number_those_that_agree():
    image_set = few()
    batch = draw(data.groups(image_set, 6, shared="label", order="epoch"), image_set)
    labels, group = batch["factors"][:, 0], batch["group"]
    assert sorted(labels) == sorted(LABELS)
    np.testing.assert_array_equal(
        labels[:, None] == labels[None], group[:, None] == group[None]
    )
    assert group.max() < 6


def test_first_members_in_epoch_order_are_every_image_once():
    image_set = few()
    sampler = data.groups(image_set, 6, shared="label", group_size=2, order="epoch")
    firsts = [draw(sampler, image_set, step)["image"][::2] for step in range(2)]
    index = np.rint(np.concatenate(firsts).ravel() * 255).astype(int)
    assert sorted(index) == list(range(6))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shared": "digit"}, "no factor 'digit'; it has label"),
        ({"shared": ()}, "sampler.shared names no factor; expected some of label"),
        (
            {"shared": "label", "group_size": 4},
            "batch_size is 6; expected a multiple of",
        ),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.groups(few(), 6, **arguments)


def test_unknown_labels_are_refused():
    with pytest.raises(
        ValueError, match="2 of the 3 images of 'few' have unknown labels"
    ):
        data.groups(few(np.array([0, -1, -1])), 4, shared="label", group_size=2)
    with pytest.raises(ValueError, match="2 of the 3 images of 'few'"):
        data.groups(few(np.array([0, -1, -1])), 4, shared="label")


def test_groups_do_not_pass_over_weights():
    labels = np.indices((8, 8)).reshape(2, -1).T
    held = data.from_arrays(
        np.zeros((64, 2, 2), np.uint8), labels, name="held", factor_names=("a", "b")
    )
    sets = {
        "a": data.weighted(held, np.eye(8)),
        "pos_x": data.load("rendered_dsprites+correlated(pos_x,pos_y,.1)"),
    }
    for factor, image_set in sets.items():
        refused = pytest.raises(ValueError, match=r"weights, which groups .* ignore")
        with refused:
            data.groups(image_set, 6, shared=factor, group_size=2)
        with refused:
            data.views(image_set, 6, same=factor)
        # without `group_size`, images are drawn with the weights and then grouped
        batch = draw(data.groups(image_set, 64, shared=factor), image_set)
        x, y = np.asarray(batch["factors"])[:, -2:].T
        assert np.corrcoef(x, y)[0, 1] > 0.8
