"""Chart of a study: a panel per column, a point per line, diamonds for published."""

import pytest

from dis_jax import figures


def cell(mean, std=None, published=None):
    return {
        "mean": mean,
        "std": std,
        "n": 1 if std is None else 3,
        "published": published,
    }


@pytest.fixture
def result():
    return {
        "title": "A study",
        "lines": {
            "one": {"accuracy": cell(70.0, 2.0, 75.0), "nats": cell(5.0)},
            "two": {"accuracy": cell(90.0, 1.0)},
        },
    }


def test_every_number_is_where_it_should_be(result):
    figure = figures.study_chart(result)
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in panels] == ["accuracy", "nats"]
    assert [t.get_text() for t in panels[0].get_yticklabels()] == ["one", "two"]
    points = {
        (*line.get_xdata(), *line.get_ydata(), line.get_marker())
        for line in panels[0].lines
        if line.get_marker() in "oD"
    }
    assert points == {(70.0, 0, "o"), (90.0, 1, "o")} | {
        (x, y, "D") for x, y in [(75.0, 0)]
    }
    (low, _), (high, _) = panels[0].collections[0].get_segments()[0]  # pyright: ignore[reportAttributeAccessIssue]
    assert (low, high) == (68.0, 72.0)
    assert len([line for line in panels[1].lines if line.get_marker() == "o"]) == 1
    assert figures.to_png(figure)[:4] == b"\x89PNG"


def test_many_columns_go_on_in_another_row(result):
    result["lines"]["one"] |= {f"column {i}": cell(float(i)) for i in range(5)}
    visible = [a for a in figures.study_chart(result).axes if a.get_visible()]
    assert len(visible) == 7


def test_columns_that_are_not_shown_have_no_panel(result):
    figure = figures.study_chart(result | {"shown": ["nats"]})
    assert [a.get_title() for a in figure.axes if a.get_visible()] == ["nats"]


def test_a_study_without_scores_is_named():
    with pytest.raises(ValueError, match="no model of this study"):
        figures.study_chart({"title": "", "lines": {}})
