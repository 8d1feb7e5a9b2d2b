import json

import numpy as np
import pytest

from dis_jax import figures


def write_log(folder, lines):
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return figures.read_curves(folder)


def test_curves_hold_the_log(tmp_path):
    curves = write_log(
        tmp_path,
        [
            {"step": 10, "time": 1.5, "loss": 3.0, "note": "text", "flag": True},
            {"step": 20, "time": 2.5, "loss": 2.0},
            {"step": 30, "time": 3.5, "loss": 1.0, "score": 1},
        ],
    )
    assert list(curves) == ["time", "loss", "score"]
    assert curves["loss"].step.tolist() == [10, 20, 30]
    assert curves["loss"].value.tolist() == [3, 2, 1]
    assert curves["score"].step.tolist() == [30]
    assert curves["score"].value.tolist() == [1]


def test_a_population_has_a_column_a_member(tmp_path):
    curves = write_log(
        tmp_path,
        [{"step": s, "time": 1.0, "loss": [1.0 * s, 2.0 * s, 3.0 * s]} for s in (1, 2)],
    )
    assert curves["loss"].value.tolist() == [[1, 2, 3], [2, 4, 6]]
    assert curves["time"].value.shape == (2,)


def test_a_run_without_a_log_has_no_curves(tmp_path):
    assert figures.read_curves(tmp_path) == {}


def curve(values):
    return figures.Curve(np.arange(len(values)) * 100, np.asarray(values, float))


def test_each_quantity_has_its_panel():
    curves = {name: curve([3.0, 2.0, 1.0]) for name in "abcd"}
    figure = figures.loss_curves(curves)
    assert [axes.get_title() for axes in figure.axes] == ["a", "b", "c", "d"]
    (line,) = figure.axes[1].lines
    assert line.get_xydata().tolist() == [[0, 3], [100, 2], [200, 1]]  # pyright: ignore[reportAttributeAccessIssue]
    chosen = figures.loss_curves(curves, names=["d", "b"])
    assert [axes.get_title() for axes in chosen.axes] == ["d", "b"]


def test_a_long_curve_is_drawn_with_its_running_mean():
    values = np.arange(200.0)
    values[50] = np.nan
    smooth, raw = figures.loss_curves({"a": curve(values)}).axes[0].lines
    np.testing.assert_array_equal(raw.get_ydata(), values)
    # windows of 4 records; the missing one is ignored
    np.testing.assert_allclose(smooth.get_ydata()[100], np.mean([98, 99, 100, 101]))
    np.testing.assert_allclose(smooth.get_ydata()[51], np.mean([49, 51, 52]))
    assert np.isfinite(smooth.get_ydata()).all()


def test_one_member_is_drawn_strongly_before_the_others():
    values = np.arange(12.0).reshape(4, 3)
    figure = figures.loss_curves(
        {"loss": curve(values), "time": curve([1, 2])}, member=1
    )
    *others, own = figure.axes[0].lines
    assert own.get_ydata().tolist() == values[:, 1].tolist()  # pyright: ignore[reportAttributeAccessIssue]
    assert {line.get_color() for line in others} == {"0.6"}
    assert sorted(line.get_ydata()[0] for line in others) == [0, 2]
    assert len(figure.axes[1].lines) == 1
    everyone = figures.loss_curves({"loss": curve(values)})
    assert len({line.get_color() for line in everyone.axes[0].lines}) == 3


def test_only_what_falls_far_has_a_logarithmic_axis():
    falling = curve(1000 * 0.7 ** np.arange(40) + 1)
    crossing = curve(1000 * 0.7 ** np.arange(40) - 1)
    rising = curve(np.linspace(0.001, 20, 40))
    figure = figures.loss_curves({"a": falling, "b": crossing, "c": rising})
    scales = [axes.get_yscale() for axes in figure.axes]
    assert scales == ["log", "linear", "linear"]


def test_a_curve_that_is_not_finite_is_drawn():
    figure = figures.loss_curves({"a": curve([1.0, np.inf, np.nan])})
    assert len(figures.to_png(figure)) > 1000


def test_errors_name_what_is_there():
    curves = {"loss": curve(np.ones((2, 3)))}
    with pytest.raises(ValueError, match=r"names has \['kl'\]; there are \['loss'\]"):
        figures.loss_curves(curves, names=["kl"])
    with pytest.raises(ValueError, match=r"member is 3; the population has 0\.\.2"):
        figures.loss_curves(curves, member=3)
    with pytest.raises(ValueError, match="curves is empty"):
        figures.loss_curves({})
