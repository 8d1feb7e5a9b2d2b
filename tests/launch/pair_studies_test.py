"""Studies of SDIM and EDIM: what their words ask for."""

import pathlib

import pytest

from configs import sdim
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
