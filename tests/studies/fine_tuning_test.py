"""Targets whose shapes fit a source, and the advice for those that do not."""

import pytest

from dis_jax import training
from dis_jax.studies.fine_tuning import (
    DEFAULTS,
    check_shapes,
    finetuning_config,
    load_target,
)


@pytest.mark.parametrize(
    ("shape", "target", "advice"),
    [
        ((64, 64, 3), "rendered_dsprites", "take --target=rendered_dsprites+coloured"),
        ((64, 64, 1), "rendered_shapes3d", "or take --target=rendered_shapes3d+grey"),
        ((64, 64, 1), "rendered_shapes3d", "train the source on here+coloured"),
        ((32, 32, 1), "rendered_dsprites", "--target=rendered_dsprites+resized32"),
        ((64, 64, 3), "rendered_norb:all", "--target=rendered_norb+coloured."),
        (
            (32, 32, 3),
            "rendered_dsprites",
            "--target=rendered_dsprites+resized32+coloured",
        ),
    ],
)
def test_another_shape_is_refused_with_the_way_out(shape, target, advice):
    with pytest.raises(ValueError, match="images of") as error:
        check_shapes("here", shape, target, load_target(target).image_shape)
    assert advice in str(error.value)
    way_out = str(error.value).split("--target=")[-1].rstrip(".")
    check_shapes("here", shape, way_out, load_target(way_out).image_shape)


def test_the_best_of_a_source_is_none_of_its_fine_tuning(tmp_path):
    config = training.load_config("factor_vae:rendered_dsprites,mlp")
    config.best_metric = "total_correlation"  # a term that a beta_vae lacks
    tuning = finetuning_config(tmp_path, config, "rendered_dsprites", DEFAULTS)
    assert tuning.best_metric == ""
