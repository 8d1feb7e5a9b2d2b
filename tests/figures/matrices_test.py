import numpy as np
import pytest

from dis_jax import figures


def cells(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def ticks(axis):
    return [label.get_text() for label in axis]


def test_matrix_shows_its_values_and_names():
    values = np.array([[0.0, 1.0], [0.125, 2.0], [0.5, 0.25]])
    figure = figures.matrix(values, columns=["shape", "scale"], title="MI")
    axes = figure.axes[0]
    assert cells(figure) == ["0.00", "1.00", "0.12", "2.00", "0.50", "0.25"]
    assert ticks(axes.get_xticklabels()) == ["shape", "scale"]
    assert ticks(axes.get_yticklabels()) == ["z0", "z1", "z2"]
    np.testing.assert_array_equal(axes.images[0].get_array(), values)
    assert axes.images[0].get_clim() == (0, 2)
    assert [text.get_position() for text in axes.texts[:3]] == [(0, 0), (1, 0), (0, 1)]


def test_counts_have_no_decimals():
    assert cells(figures.matrix(np.array([[3.0, 250.0]]))) == ["3", "250"]


def test_what_is_not_known_is_blank():
    figure = figures.matrix(np.array([[np.nan, 0.5]]))
    assert cells(figure) == ["", "0.50"]
    assert figure.axes[0].images[0].get_array().mask.tolist() == [[True, False]]  # pyright: ignore[reportAttributeAccessIssue]


def test_a_diverging_matrix_has_its_middle_at_zero():
    figure = figures.matrix(np.array([[-0.2, 0.1]]), diverging=True)
    assert figure.axes[0].images[0].get_clim() == (-0.2, 0.2)


def test_text_is_readable_on_its_colour():
    figure = figures.matrix(np.array([[0.0, 1.0]]), limits=(0, 1))
    dark, bright = (text.get_color() for text in figure.axes[0].texts)
    assert (dark, bright) == ("white", "black")  # of matplotlib's viridis


@pytest.mark.parametrize("values", [np.zeros((2, 2)), np.full((2, 2), np.nan)])
def test_a_matrix_without_contrast_is_drawn(values):
    assert len(figures.to_png(figures.matrix(values))) > 1000


def test_confusions_are_coloured_by_share_of_their_class():
    counts = np.array([[30, 10], [0, 5], [0, 0]])
    figure = figures.confusion_matrix(counts, columns=["a", "b"])
    assert cells(figure) == ["30", "10", "0", "5", "0", "0"]
    shares = figure.axes[0].images[0].get_array()
    assert shares.tolist() == [[0.75, 0.25], [0, 1], [0, 0]]
    assert ticks(figure.axes[0].get_yticklabels()) == ["0", "1", "2"]


def test_errors_say_what_does_not_fit():
    with pytest.raises(ValueError, match=r"values has shape \(3,\)"):
        figures.matrix(np.ones(3))
    with pytest.raises(ValueError, match="columns has 1 names; expected 2"):
        figures.matrix(np.ones((2, 2)), columns=["a"])
    with pytest.raises(ValueError, match=r"texts has shape \(1, 1\)"):
        figures.matrix(np.ones((2, 2)), texts=[["a"]])
    with pytest.raises(ValueError, match="values down to -1"):
        figures.confusion_matrix(np.array([[1, -1]]))
