"""Sections of a group method on blobs: the size is the class, the place the style."""

import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from dis_jax.figures import group_sections
from dis_jax.figures.report_inputs import make_subject
from dis_jax.methods import Gaussian


@pytest.fixture
def subject(method, state, blobs, tmp_path):
    """Encodes the size as the class code and the place as the style."""

    def encode(state, batch):
        mean, logvar = method.encode(state, batch)["z"]
        return {
            "style": Gaussian(mean[:, 1:3], logvar[:, 1:3]),
            "class": Gaussian(mean[:, :1], logvar[:, :1]),
        }

    def decode(state, codes):
        rest = jnp.zeros((len(codes["style"]), 2))
        z = jnp.concatenate([codes["class"], codes["style"], rest], axis=1)
        return method.decode(state, {"z": z})

    grouped = method._replace(batch="groups", encode=encode, decode=decode)
    config = ConfigDict({"method": "ml_vae", "sampler": {"shared": ("size",)}})
    return make_subject(
        tmp_path, grouped, state, config, blobs, member=0, num_examples=200
    )


def test_a_column_keeps_the_class_and_a_row_the_style(subject):
    seen = []
    decode = subject.decode
    spy = lambda codes: seen.append(codes) or decode(codes)
    section = group_sections.swaps(subject._replace(decode=spy))
    assert sorted(section.files) == ["swaps_evidence.png", "swaps_one_image.png"]
    style, own = (seen[0][name].reshape(10, 10, -1) for name in ("style", "class"))
    assert (style == style[:, :1]).all()
    assert (own == own[:1]).all()
    # the four sizes come first, one image each
    order = [np.flatnonzero(subject.factors[:, 0] == size)[0] for size in range(4)]
    np.testing.assert_array_equal(own[0, :4], subject.points["class"][order])
    # with evidence, each has the average of its group: their variances are equal
    for column, size in enumerate(range(4)):
        members = subject.points["class"][subject.factors[:, 0] == size]
        evidence = seen[1]["class"].reshape(10, 10, -1)[0, column]
        np.testing.assert_allclose(evidence, members.mean(axis=0), rtol=1e-4)


def test_paths_hold_the_other_code(subject):
    seen = []
    decode = subject.decode
    spy = lambda codes: seen.append(codes) or decode(codes)
    section = group_sections.paths(subject._replace(decode=spy))
    names = ["interpolations_class.png", "interpolations_style.png"]
    assert sorted(section.files) == names
    for codes, moving, held in zip(
        seen, ("style", "class"), ("class", "style"), strict=True
    ):
        still = codes[held].reshape(5, 9, -1)
        assert (still == still[:, :1]).all()
        line = codes[moving].reshape(5, 9, -1)
        np.testing.assert_allclose(line[:, 4], (line[:, 0] + line[:, 8]) / 2, atol=1e-5)


def test_maps_show_both_codes(subject, monkeypatch):
    laid_out = []
    monkeypatch.setattr(
        group_sections,
        "tsne",
        lambda codes, perplexity: laid_out.append(codes) or np.zeros((len(codes), 2)),
    )
    section = group_sections.code_maps(subject)
    assert len(section.files) == 3
    style, alone, evidence = laid_out
    np.testing.assert_array_equal(style, subject.points["style"])
    np.testing.assert_array_equal(alone, subject.points["class"])
    # equal only within a batch of 128 and a size
    assert len(np.unique(evidence.round(5))) == 2 * 4


def test_other_systems_have_none(method, state, blobs, tmp_path):
    config = ConfigDict({"method": "beta_vae", "sampler": {}})
    other = make_subject(
        tmp_path, method, state, config, blobs, member=0, num_examples=50
    )
    for section in (
        group_sections.swaps,
        group_sections.paths,
        group_sections.code_maps,
    ):
        made = section(other)
        assert made.body == ""
        assert "no style and class code" in made.reading
