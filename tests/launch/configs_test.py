"""Configs: every argument has its effect or is refused."""

import pathlib
import re

import pytest

from dis_jax import shipped, studies
from dis_jax.training import words

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMES = shipped.names("configs")


def config(name, *argument):
    return shipped.load("configs", name).get_config(*argument)


@pytest.mark.parametrize("name", NAMES)
def test_a_demo_is_short_whatever_the_images(name):
    for dataset in ("mnist", "rendered_dsprites"):
        assert config(name, f"{dataset},demo").steps == 2_000
        assert config(name, dataset).steps > 2_000


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_images_can_be_chosen(name):
    assert config(name, "rendered_shapes3d,epoch").sampler.order == "epoch"


@pytest.mark.parametrize("name", ["sdim", "edim"])
def test_coloured_norb_has_an_order_too(name):
    assert config(name, "rendered_norb,coloured,epoch").sampler.order == "epoch"
    assert "order" not in config(name, "rendered_norb,coloured").sampler


def test_members_may_draw_from_subsets_of_their_own():
    for name in ("infogan", "elastic_infogan", "joint_vae"):
        made = config(name, "mnist,split0").lock()
        made.update_from_flattened_dict({"population.class_counts": ((1, 2), (3, 4))})
        assert made.population.class_counts == ((1, 2), (3, 4))


def test_what_groups_share_is_known_of_variants_too():
    assert config("ml_vae", "mnist+resized32").sampler.shared == ("digit",)
    assert config("ml_vae", "mnist+resized32").split == "train"
    assert config("ml_vae", "smallnorb_96").sampler.shared == ("category",)


def test_two_kinds_of_pairs_are_not_one():
    with pytest.raises(ValueError, match="category and coloured are two kinds"):
        config("sdim", "smallnorb,category,coloured")


@pytest.mark.parametrize("name", ["infogan", "elastic_infogan", "joint_vae"])
def test_splits_are_of_mnist_which_need_not_be_named(name):
    assert config(name, "split3").dataset == "mnist"
    assert config(name, "demo").dataset == "mnist"
    assert sum(config(name, "split49").sampler.class_counts) < 70_000
    for wrong in ("mnist,split50", "mnist,split3,split4"):
        with pytest.raises(ValueError, match="expected one of split0 to split49"):
            config(name, wrong)
    with pytest.raises(ValueError, match="split3 is of mnist, not of rendered_dspr"):
        config(name, "rendered_dsprites,split3")


def test_a_path_with_a_comma_gets_its_way_out():
    with pytest.raises(
        ValueError, match=r"found /a, b/photos\. .*--config\.dataset=PATH"
    ):
        config("beta_vae", "/a,b/photos")


def commands():
    """Every config and study that the README, docs, docstrings and results name."""
    folders = ("docs", "configs", "launch", "benchmarks", "results")
    files = [ROOT / "README.md"]
    for folder in folders:
        files += [p for end in ("md", "py") for p in (ROOT / folder).rglob(f"*.{end}")]
    found = set()
    for path in files:
        text = re.sub(r"\\\s*\n\s*", "", path.read_text())
        for kind, name in re.findall(
            r"""--(config|study)=["']?((?:configs/[\w/]+\.py|\w+(?![\w/]))(?::[\w/.:+,=()-]*)?)""",
            text,
        ):
            # in a sentence, one parenthesis too many ends it
            ends = ".,:" if "(" in name else ".,:)"
            found.add((kind, name.rstrip(ends)))
    return sorted(found)


def test_every_command_of_the_docs_parses(monkeypatch):
    monkeypatch.chdir(ROOT)
    parsed, unknown = 0, set()
    folders = {"config": "configs", "study": "configs/studies"}
    for kind, name in commands():
        stem, _, argument = name.partition(":")
        stem = pathlib.Path(stem).stem
        if stem not in shipped.names(folders[kind]):
            unknown.add(stem)
        elif kind == "study":
            assert studies.load_study(name).rows
        else:
            assert config(stem, *([argument] if argument else [])).method
        parsed += stem not in unknown
    assert parsed > 100
    # files that the docs show how to write, a placeholder, and what a benchmark takes
    assert unknown == {"my_config", "my_linear_config", "mine", "NAME", "small"}


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_word_is_named_with_the_nearest(name):
    with pytest.raises(
        ValueError, match="unknown argument 'mnits'; did you mean 'mnist"
    ):
        config(name, "mnits,demo")
    with pytest.raises(
        ValueError, match=r"unknown argument 'dmeo'; .*demo, mlp, epoch"
    ):
        config(name, "mnist,dmeo")


def test_numbers_by_name_and_alone():
    numbers = {"steps": 0, "rate": 1e-4, "beta": (1.0, 2.0)}
    found = words.read(
        "half,steps50,beta4,7,rate5e-4,beta.5,0.2", numbers, ["half"], bare=(int, float)
    )
    assert found.numbers == {"steps": 50, "rate": 5e-4, "beta": (4, 0.5)}
    assert (found.options, found.bare) == (["half"], [7, 0.2])
    found = words.read("a/b.npz,mnist+resized32:test,,steps2", numbers, datasets=True)
    assert found.names == ["a/b.npz", "mnist+resized32:test"]
    assert found.numbers == numbers | {"steps": 2}
    assert found.given == {"steps": 2}
    for word in ("steps0", "steps", "rate-1", "7", "mnist", "steps2.5"):
        with pytest.raises(ValueError, match=f"'{word}'; .*nown: stepsN, rateN, betaN"):
            words.read(word, numbers)
