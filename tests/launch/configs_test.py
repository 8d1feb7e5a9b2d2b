"""Configs: every word means what it says, or is refused."""

import importlib
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
OTHERS = ("__init__", "base", "pair_studies", "transfer_studies", "words")
NAMES = sorted(p.stem for p in (ROOT / "configs").glob("*.py") if p.stem not in OTHERS)


def config(name, argument):
    return importlib.import_module(f"configs.{name}").get_config(argument)


@pytest.mark.parametrize("name", NAMES)
def test_a_demo_is_short_whatever_the_images(name):
    for dataset in ("mnist", "rendered_dsprites"):
        assert config(name, f"{dataset},demo").steps == 2_000
        assert config(name, dataset).steps > 2_000


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_images_can_be_chosen(name):
    assert config(name, "rendered_shapes3d,epoch").sampler.order == "epoch"


@pytest.mark.parametrize("name", ["sdim", "edim"])
def test_coloured_toys_have_an_order_too(name):
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
    for words in ("mnist,split50", "mnist,split3,split4"):
        with pytest.raises(ValueError, match="expected one of split0 to split49"):
            config(name, words)
    with pytest.raises(ValueError, match="split3 is of mnist, not of rendered_dspr"):
        config(name, "rendered_dsprites,split3")


def test_a_path_with_a_comma_gets_its_way_out():
    with pytest.raises(
        ValueError, match=r"found /a, b/photos\. .*--config\.dataset=PATH"
    ):
        config("beta_vae", "/a,b/photos")
