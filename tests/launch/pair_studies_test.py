"""Studies of SDIM and EDIM: what their words ask for."""

import pathlib

import jax
import numpy as np
import pytest

from configs import sdim
from dis_jax import data
from dis_jax.evaluation.study import jobs
from launch import study

ROOT = pathlib.Path(__file__).resolve().parents[2]
# each with the folder that comes first, where there is one
FILES = {
    "sdim_edim_smallnorb": "runs/a,",
    "sdim_edim_coloured_mnist": "runs/a,",
    "sdim_edim_rendered_shapes3d": "runs/a,",
    "sdim_ablation": "",
}


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch):
    monkeypatch.chdir(ROOT)


def load(name, words=""):
    return study.load(f"configs/studies/{name}.py:{words}")


@pytest.mark.parametrize("name", FILES)
def test_words_choose_steps_of_every_row_seeds_and_configs(name):
    found = load(name, f"{FILES[name]}half,steps5000,seeds2")
    assert {config.steps for config in found.rows.values()} == {5000}
    assert found.seeds == (0, 1)
    widths = {config.network.widths for config in found.rows.values()}
    assert widths == {(32, 64, 128)}
    assert found.name == f"{name}_half"
    whole = load(name)
    assert whole.name == name
    assert whole.seeds == (0, 1, 2)
    for config in whole.rows.values():
        assert config.network.widths == (64, 128, 256)
        assert config.steps > 5000 or "norb" in name


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("word", ["haf", "seeds0", "steps", "cars"])
def test_unknown_words_are_named_beside_the_known_ones(name, word):
    with pytest.raises(ValueError, match=f"unknown word '{word}'; known: half, publ"):
        load(name, f"{FILES[name]}half,{word}")


def test_words_fit_their_data_set():
    with pytest.raises(ValueError, match="unknown word 'category'"):
        load("sdim_edim_coloured_mnist", "runs/a,category")
    with pytest.raises(ValueError, match="category: not for mnist, which takes half"):
        sdim.get_config("mnist,category")
    assert load("sdim_edim_smallnorb", "runs/a,category").rows


def test_exclusive_codes_start_from_the_shared_ones_of_their_seed_and_folder():
    made = jobs(load("sdim_edim_smallnorb", "runs/a,half,seeds2"), vectorise=False)
    sources = {
        job.folder: job.config.init_from.workdir
        for job in made
        if job.config.method == "edim"
    }
    assert sources == {f"EDIM/seed{i}": f"runs/a/SDIM/seed{i}" for i in range(2)}


@pytest.mark.parametrize("word", ["half", "steps5000", "demo"])
def test_a_word_in_the_place_of_the_folder_is_refused(word):
    with pytest.raises(ValueError, match=f"'{word}' stands where the folder"):
        load("sdim_edim_smallnorb", f"{word},half")


@pytest.fixture(scope="module")
def toys():
    """As many images as the test half of SmallNORB, of one pixel."""
    factors = np.indices((5, 5, 9, 18, 6)).reshape(5, -1).T
    names = tuple(sdim.FACTORS["smallnorb"])
    images = np.zeros((len(factors), 1, 1), np.uint8)
    return data.from_arrays(images, factors, name="toys", factor_names=names)


@pytest.mark.parametrize("words", ["half", "half,category", "half,coloured"])
def test_each_seed_holds_out_another_instance_in_training_and_test(toys, words):
    found = load("sdim_edim_smallnorb", f"runs/a,{words},seeds6")
    held_out, draw = {}, {}
    for job in jobs(found, vectorise=False):
        config, seen = job.config, []
        assert config.split == config.test_split == "test"
        for part in ("sampler", "test_sampler"):
            sampler = data.SAMPLERS[config.pairs](toys, 256, **config[part])
            # one program for all seeds, which differ in the arguments
            draw.setdefault(part, jax.jit(sampler.sample))
            batch = draw[part](toys, jax.random.key(0), 0, sampler.args)
            both = np.stack([batch["factors_x"], batch["factors_y"]])
            seen.append({*np.unique(both[..., 1])})
        train, test = seen
        assert len(train) == 4
        assert len(test) == 1
        assert not train & test
        held_out.setdefault(config.method, {})[config.seed] = test.pop()
    # EDIM starts from shared encoders that have not seen what it is tested on
    assert held_out["sdim"] == held_out["edim"] == dict(enumerate((4, 3, 2, 1, 0, 4)))


def test_nothing_is_held_out_where_whole_halves_are_trained_and_tested_on():
    for words in ("halves", "halves,coloured"):
        made = jobs(load("sdim_edim_smallnorb", f"runs/a,{words}"), vectorise=False)
        for config in (job.config for job in made):
            assert (config.split, config.test_split) == ("train", "test")
            assert config.sampler == config.test_sampler
            assert not {"values", "class_counts"} & {*config.sampler}
    rendered = sdim.get_config("rendered_norb").test_sampler
    assert rendered["values"]["instance"] == (9,)
