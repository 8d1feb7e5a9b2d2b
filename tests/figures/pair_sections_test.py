"""Retrieval finds views by the information in a code, and frames mark agreement."""

import numpy as np
from ml_collections import ConfigDict

from dis_jax import data
from dis_jax.figures.pair_sections import retrieval
from dis_jax.figures.report_inputs import Subject
from dis_jax.methods import Method


def subject_of(config):
    def encode(state, batch):
        colour = batch["image"].max(axis=(1, 2))
        blank = 0.0 * colour
        return {
            "exclusive_y": colour,
            "exclusive_x": blank,
            "exclusive_y_colour": blank,
        }

    method = Method("views", None, None, encode, None, code="exclusive_y")
    # trained on black images, whose foreground has no colour; tested on white ones
    black, white = (
        data.from_arrays(np.full((6, 8, 8), v, np.uint8), name="plain")
        for v in (0, 255)
    )
    fields = dict.fromkeys(Subject._fields)
    known = {"method": method, "config": ConfigDict(config)}
    known |= {"image_set": black, "test_set": white}
    return Subject(**fields | known)


CONFIG = {
    "method": "edim",
    "batch_size": 64,
    "sampler": {"same": "of training alone"},
    "test_sampler": {},
    "wanted": {"exclusive": ("colour",)},
    "attributes": {"colour": {"field": "colour", "column": 0, "classes": 12}},
}


def test_test_views_of_one_colour_find_each_other():
    section = retrieval(subject_of(CONFIG))
    assert sorted(section.files) == [
        "retrieval_exclusive_x.png",
        "retrieval_exclusive_y.png",
    ]
    assert "exclusive_y (target: colour): 100 % agree" in section.body
    # a code without information finds one in twelve
    share = int(section.body.split("exclusive_x (target: colour): ")[1][:2])
    assert share < 30


def test_without_test_images_there_is_no_section():
    section = retrieval(subject_of(CONFIG)._replace(test_set=None))
    assert not section.body
    assert "no images for test pairs were given" in section.reading


def test_other_methods_have_none():
    section = retrieval(subject_of({"method": "vae"}))
    assert not section.body
    assert "does not learn from pairs" in section.reading
