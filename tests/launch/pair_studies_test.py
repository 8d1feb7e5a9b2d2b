"""Studies of SDIM and EDIM: the effect of their arguments."""

import pathlib

import jax
import numpy as np
import pytest

from configs import edim, sdim
from dis_jax import data, evaluation, studies
from dis_jax.studies import pair_studies
from dis_jax.studies.jobs import jobs
from dis_jax.studies.study_table import Trained
from dis_jax.training import pair_data

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = (
    "sdim_edim_smallnorb",
    "sdim_edim_coloured_mnist",
    "sdim_edim_rendered_shapes3d",
    "sdim_ablation",
    "sdim_smallnorb_category",
)


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch):
    monkeypatch.chdir(ROOT)


def load(name, words=""):
    return studies.load_study(f"configs/studies/{name}.py:{words}")


@pytest.mark.parametrize("name", FILES)
def test_words_choose_steps_of_every_row_seeds_and_configs(name):
    found = load(name, "half,steps5000,seeds2")
    assert {config.steps for config in found.rows.values()} == {5000}
    assert found.seeds == (0, 1)
    widths = {config.network.widths for config in found.rows.values()}
    assert widths == {(32, 64, 128)}
    assert found.name == f"{name}_half_steps5000"
    # tables of other lengths do not overwrite each other; more seeds add to one
    assert load(name, "half,steps700,seeds2").name != found.name
    assert load(name, "half,steps5000").name == found.name
    whole = load(name)
    assert whole.name == name
    assert whole.seeds == (0, 1, 2)
    for config in whole.rows.values():
        assert config.network.widths == (64, 128, 256)
        assert config.steps > 5000 or "norb" in name


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("word", ["haf", "seeds0", "steps", "cars"])
def test_unknown_words_are_named_beside_the_known_ones(name, word):
    with pytest.raises(
        ValueError, match=f"unknown argument '{word}'; .*nown: half, publ"
    ):
        load(name, f"half,{word}")


def test_words_fit_their_data_set():
    with pytest.raises(ValueError, match="unknown argument 'category'"):
        load("sdim_edim_coloured_mnist", "category")
    with pytest.raises(
        ValueError, match="category: not available for mnist, which takes half"
    ):
        sdim.get_config("mnist,category")
    assert load("sdim_edim_smallnorb", "category").rows


def test_exclusive_codes_start_from_the_shared_ones_of_their_seed():
    made = jobs(load("sdim_edim_smallnorb", "half,seeds2,steps700"), vectorise=False)
    sources = {
        job.folder: (job.config.init_from.workdir, job.config.init_from.step)
        for job in made
        if job.config.method == "edim"
    }
    assert sources == {f"EDIM/seed{i}": (f"SDIM/seed{i}", 700) for i in range(2)}


@pytest.fixture(scope="module")
def norb():
    """As many images as the test half of SmallNORB has, of one pixel each."""
    factors = np.indices((5, 5, 9, 18, 6)).reshape(5, -1).T
    names = tuple(pair_data.FACTORS["smallnorb"])
    images = np.zeros((len(factors), 1, 1), np.uint8)
    return data.from_arrays(images, factors, name="norb", factor_names=names)


@pytest.mark.parametrize("words", ["half", "half,category", "half,coloured"])
def test_each_seed_holds_out_another_instance_in_training_and_test(norb, words):
    found = load("sdim_edim_smallnorb", f"{words},seeds6")
    held_out, draw = {}, {}
    for job in jobs(found, vectorise=False):
        config, seen = job.config, []
        assert config.split == config.test_split == "test"
        for part in ("sampler", "test_sampler"):
            sampler = data.SAMPLERS[config.pairs](norb, 256, **config[part])
            # one program for all seeds, which differ in the arguments
            draw.setdefault(part, jax.jit(sampler.sample))
            batch = draw[part](norb, jax.random.key(0), 0, sampler.args)
            both = np.stack([batch["factors_x"], batch["factors_y"]])
            seen.append({*np.unique(both[..., 1])})
        train, test = seen
        assert len(train) == 4
        assert len(test) == 1
        assert not train & test
        held_out.setdefault(config.method, {})[config.seed] = test.pop()
    # EDIM starts from shared encoders that were not trained on its test instances
    assert held_out["sdim"] == held_out["edim"] == dict(enumerate((4, 3, 2, 1, 0, 4)))


def test_nothing_is_held_out_where_whole_halves_are_trained_and_tested_on():
    for words in ("halves", "halves,coloured"):
        made = jobs(load("sdim_edim_smallnorb", f"{words}"), vectorise=False)
        for config in (job.config for job in made):
            assert (config.split, config.test_split) == ("train", "test")
            assert config.sampler == config.test_sampler
            assert not {"values", "class_counts"} & {*config.sampler}
    rendered = sdim.get_config("rendered_norb").test_sampler
    assert rendered["values"]["instance"] == (9,)


def readings_of(config, codes):
    """Probe accuracies, equal to fixed numbers, for the attributes of the heads."""
    readers = {"head": 0.9, **dict.fromkeys(pair_studies.READERS[1:], 0.8)}
    return [
        evaluation.Reading(code, attribute, reader, share, 1.0, 0.25, i == 0)
        for code in codes
        for i, attribute in enumerate(config.heads[code])
        for reader, share in readers.items()
    ]


@pytest.mark.parametrize("name", FILES)
def test_published_numbers_stand_beside_one_reader_in_a_narrow_table(name, monkeypatch):
    found = load(name, "seeds1")
    monkeypatch.setattr(
        evaluation,
        "read_run",
        lambda state, config, data_dir, *, codes, **options: readings_of(config, codes),
    )
    records = [
        {
            "row": row,
            "seed": 0,
            "steps": 1,
            "scores": found.score(Trained(None, None, config, 0, None)),
            "config": {},
        }
        for row, config in found.rows.items()
    ]
    result = studies.tabulate(found, records)
    columns = {
        column: cell["published"]
        for line, cells in result["lines"].items()
        for column, cell in cells.items()
        if cell["published"] is not None
    }
    by = "batch" if "norb" in name else "running"
    assert set(columns) == {f"head, {by}"}
    # every published number belongs to a line of the study
    assert set(found.published) <= set(result["lines"])
    line = next(iter(result["lines"]))
    assert line == f"SDIM, shared_x {found.rows['SDIM'].heads.shared_x[0]}"
    assert result["lines"][line]["head, running, train"]["mean"] == 100
    assert result["lines"][line]["ideal"]["mean"] == 100
    first, *_ = [t for t in studies.markdown_table(result).splitlines() if "|" in t]
    assert "train" not in first
    assert first.count("|") == 2 + 1 + 2 * len(pair_studies.READERS)
    distance = result["lines"]["SDIM, shared_x distance"]["head, batch"]["mean"]
    others = len(found.rows["SDIM"].heads.shared_x) - 1
    assert distance == pytest.approx(10 + 65 * others)


def test_exclusive_codes_alone_are_read_of_edim(monkeypatch):
    asked = []

    def read_run(state, config, data_dir, *, codes, **options):
        asked.append((codes, options["batch_statistics"], options["models"]))
        return readings_of(config, codes)

    monkeypatch.setattr(evaluation, "read_run", read_run)
    found = load("sdim_edim_smallnorb")
    found.score(Trained(None, None, found.rows["EDIM"], 0, None))
    codes = ("exclusive_x", "exclusive_y")
    models = ("logistic", "mlp", "knn")
    assert asked == [(codes, False, models), (codes, True, models)]


@pytest.mark.parametrize("config", [sdim, edim])
@pytest.mark.parametrize("name", ["mnist", "smallnorb", "smallnorb,coloured"])
def test_augmented_zooms_into_training_views_alone(config, name):
    made = config.get_config(f"{name},augmented")
    assert made.sampler.zoom == 1.25
    assert "zoom" not in made.test_sampler
    del made.sampler["zoom"]
    assert made.to_json() == config.get_config(name).to_json()


def test_pairs_of_two_images_share_the_digit_alone():
    # each image has one of forty brightnesses, visible in both views
    number = np.arange(400) % 40
    digits = number % 10
    images = np.full((400, 2, 2), 128, np.uint8)
    images[:, 0, 0] = 129 + number
    few = data.from_arrays(images, digits, name="few", factor_names=("digit",))
    found = load("sdim_edim_coloured_mnist", "two_images")
    assert found.name == "sdim_edim_coloured_mnist_two_images"
    for config in found.rows.values():
        for options in (config.sampler, config.test_sampler):
            sampler = data.SAMPLERS[config.pairs](few, 400, **options)
            batch = jax.jit(sampler.sample)(few, jax.random.key(0), 0, sampler.args)
            label = np.stack([batch["factors_x"][:, 0], batch["factors_y"][:, 0]])
            np.testing.assert_array_equal(*label)
            number = [
                np.rint(255 * np.max(batch[side][:, 0, 0], axis=-1)) - 129
                for side in "xy"
            ]
            assert {*number[0]} == {*number[1]} == {*range(40)}
            # each digit has four brightnesses: they agree in one pair of four
            assert abs((number[0] == number[1]).mean() - 0.25) < 5 / np.sqrt(400)
    with pytest.raises(
        ValueError, match="two_images: not available for rendered_dsprites"
    ):
        sdim.get_config("rendered_dsprites,two_images")
