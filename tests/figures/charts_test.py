import numpy as np
import pytest

from dis_jax import figures


def test_kl_bars_are_labelled_from_top_to_bottom():
    figure = figures.kl_bars(np.array([3.0, 0.25]), names=["z4", "z1"])
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["z4", "z1"]
    assert [bar.get_width() for bar in axes.patches] == [3, 0.25]  # pyright: ignore[reportAttributeAccessIssue]
    assert [text.get_text() for text in axes.texts] == ["3.00", "0.25"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first is on top


def test_kl_bars_of_a_collapsed_code_are_drawn():
    assert len(figures.to_png(figures.kl_bars(np.zeros(4)))) > 1000


def test_prior_stands_beside_the_truth():
    prior, truth = np.array([0.25, 0.75]), np.array([0.5, 0.5])
    (axes,) = figures.prior_bars(prior, truth, names=["cat", "dog"]).axes
    assert [bar.get_height() for bar in axes.patches] == [0.25, 0.75, 0.5, 0.5]  # pyright: ignore[reportAttributeAccessIssue]
    left = [bar.get_x() + bar.get_width() for bar in axes.patches[:2]]  # pyright: ignore[reportAttributeAccessIssue]
    assert left == pytest.approx([bar.get_x() for bar in axes.patches[2:]])  # pyright: ignore[reportAttributeAccessIssue]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["cat", "dog"]
    assert axes.get_xlabel() == "class"


@pytest.mark.parametrize("count", [3, 25])
def test_scatter_has_a_colour_and_a_name_a_label(count):
    labels = np.repeat(np.arange(count), 2)
    points = np.random.default_rng(0).normal(size=(2 * count, 2))
    names = [f"class {i}" for i in range(count)]
    figure = figures.scatter(points, labels, names=names)
    groups = figure.axes[0].collections
    assert [group.get_label() for group in groups] == names
    np.testing.assert_array_equal(groups[1].get_offsets(), points[2:4])
    assert len({tuple(group.get_facecolor()[0]) for group in groups}) == count


def test_scatter_names_the_labels_that_are_there():
    figure = figures.scatter(np.zeros((3, 2)), np.array([0, 2, 2]), names=list("abc"))
    assert [g.get_label() for g in figure.axes[0].collections] == ["a", "c"]


def test_tsne_keeps_clusters_apart():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 20)
    codes = rng.normal(size=(40, 5)) + 20 * labels[:, None]
    points = figures.tsne(codes, perplexity=5)
    assert points.shape == (40, 2)
    inside = max(
        np.linalg.norm(points[labels == i] - points[labels == i].mean(0), axis=1).max()
        for i in (0, 1)
    )
    apart = np.linalg.norm(points[labels == 0].mean(0) - points[labels == 1].mean(0))
    assert apart > 1.5 * inside
    np.testing.assert_array_equal(points, figures.tsne(codes, perplexity=5))


def test_score_lines_are_means_and_bands_of_one_std():
    beta = np.array([16, 1, 1, 16])
    scores = {"shape": np.array([0.9, 0.2, 0.4, 0.5]), "x": np.zeros(4)}
    figure = figures.score_lines(beta, scores, xlabel="β", ylabel="OMES", reference=0.6)
    (axes,) = figure.axes
    assert axes.lines[0].get_ydata() == pytest.approx([0.3, 0.7])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "16"]
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    # .3 minus and .7 plus the deviation of two values .2 and .4 apart, as in tables
    edges = (0.3 - 0.2 / 2**0.5, 0.7 + 0.4 / 2**0.5)
    assert (band.min(), band.max()) == pytest.approx(edges)  # pyright: ignore[reportAttributeAccessIssue]
    assert [line.get_label() for line in axes.lines[:2]] == ["shape", "x"]
    assert axes.lines[2].get_ydata() == [0.6, 0.6]


def test_errors_say_what_does_not_fit():
    half = np.array([0.5, 0.5])
    with pytest.raises(ValueError, match=r"kl has shape \(2, 2\)"):
        figures.kl_bars(np.ones((2, 2)))
    with pytest.raises(ValueError, match="names has 1 names; expected 2"):
        figures.kl_bars(np.ones(2), names=["a"])
    with pytest.raises(ValueError, match=r"truth sums to 2"):
        figures.prior_bars(half, 2 * half)
    with pytest.raises(ValueError, match=r"truth has shape \(1,\)"):
        figures.prior_bars(half, np.ones(1))
    with pytest.raises(ValueError, match=r"points has shape \(3, 3\)"):
        figures.scatter(np.zeros((3, 3)), np.zeros(3, int))
    with pytest.raises(ValueError, match=r"labels run from -1 to 1; names has 2"):
        figures.scatter(np.zeros((2, 2)), np.array([-1, 1]), names=["a", "b"])
    with pytest.raises(ValueError, match=r"more than 30 rows"):
        figures.tsne(np.zeros((30, 4)))
    with pytest.raises(ValueError, match=r"scores\['x'\] has shape \(1,\)"):
        figures.score_lines(half, {"x": np.ones(1)}, xlabel="", ylabel="")
    with pytest.raises(ValueError, match="scores is empty"):
        figures.score_lines(half, {}, xlabel="", ylabel="")
