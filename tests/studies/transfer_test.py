"""Transfer: what is scored, what is fine-tuned, and that it resumes where it stopped."""

import json
import shutil

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data, evaluation, studies, training
from dis_jax.methods import State
from dis_jax.studies.fine_tuning import check_source, finetuning_config
from dis_jax.studies.transfer_scores import encode_sample
from dis_jax.training.program import batch_shapes
from dis_jax.training.workdir import batch_facts, write_config

SETTINGS = studies.TransferSettings(
    finetune_steps=4, readers=("gbt",), num_codes=150, num_pairs=20
)


def squares(path, size, place):
    """Writes a file of 32x32 images of squares with the given sizes and places."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 60, (len(size), 32, 32)).astype(np.uint8)
    for image, s, p in zip(images, size, place, strict=True):
        image[10 : 15 + s, 2 + 2 * p : 7 + 2 * p + s] = 255
    np.savez(path, images=images, size=size, place=place)
    return str(path)


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    """Squares of two sizes at three places: a file of 150 images."""
    rng = np.random.default_rng(0)
    size, place = rng.choice([0, 3], 150), rng.choice([0, 5, 10], 150)
    path = tmp_path_factory.mktemp("target") / "squares.npz"
    return squares(path, size, place)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A grid of six sizes at ten places, from which pairs are drawn."""
    size, place = np.indices((6, 10)).reshape(2, -1)
    return squares(tmp_path_factory.mktemp("home") / "home.npz", size, place)


@pytest.fixture(scope="module")
def train(tiny_config, tmp_path_factory, home):
    """`train(method, ...)`: the workdir of a source of a few steps."""

    def train(method="ada_gvae", **overrides):
        own = {"steps": 3, "checkpoint_every": 2, "dataset": home}
        own |= {"hparams.beta": 2.0}
        workdir = tmp_path_factory.mktemp("source")
        training.train(tiny_config(method, **own | overrides), workdir)
        return workdir

    return train


@pytest.fixture(scope="module")
def transferred(train, target):
    """A source and the records of its transfer, which tests only read."""
    source = train()
    return source, studies.transfer(source, target, SETTINGS)


@pytest.fixture
def source(transferred, tmp_path):
    """The same source in its own folder, not transferred yet."""
    leave = shutil.ignore_patterns("transfer")
    return shutil.copytree(transferred[0], tmp_path / "source", ignore=leave)


@pytest.mark.slow
def test_without_a_step_after_is_before(source, target):
    (record,) = studies.transfer(source, target, SETTINGS._replace(finetune_steps=0))
    assert record["after"] == record["before"]
    assert record["beta"] == 2.0
    folder = studies.transfer_folder(source, target)
    config = training.read_config(folder)
    assert config.hparams.beta == 2.0
    # the decoder comes from the source too
    begun = training.train(config, folder)
    _, trained, _ = training.restore(source)
    chex.assert_trees_all_equal(begun.params, trained.params)
    assert begun.params.keys() == {"encoder", "decoder"}
    assert record["finetuning"]["steps"] == 0
    assert record["before"]["factor_names"] == ["size", "place"]
    assert (record["before"]["num_train"], record["before"]["num_test"]) == (100, 50)


@pytest.mark.slow
def test_a_transfer_cut_off_goes_on_bit_for_bit(transferred, source, target):
    whole = transferred[1][0]
    _, unbroken, config = training.restore(
        studies.transfer_folder(transferred[0], target)
    )
    assert config.method == "beta_vae"
    assert int(unbroken.step) == 4
    assert config.hparams.beta == training.read_config(source).hparams.beta
    assert config.hparams.clip_norm == float("inf")

    (short,) = studies.transfer(source, target, SETTINGS._replace(finetune_steps=2))
    (again,) = studies.transfer(source, target, SETTINGS)
    assert short["before"] == again["before"] == whole["before"]
    assert short["after"] != again["after"]
    assert again["after"] == whole["after"]
    found = training.restore(studies.transfer_folder(source, target))[1]
    chex.assert_trees_all_equal(found.params, unbroken.params)


def test_what_is_done_is_not_done_again(transferred, target, tmp_path, monkeypatch):
    source, first = transferred
    path = studies.transfer_folder(source, target) / "transfer.json"
    before = path.stat().st_mtime_ns
    # no data are read, which may take gigabytes
    monkeypatch.setattr(data, "load", None)
    assert studies.transfer(source, target, SETTINGS) == first
    assert path.stat().st_mtime_ns == before
    assert json.loads(path.read_text()) == first
    assert first[0]["finetuned_with"]["versions"] == first[0]["versions"]
    # nor if the folder has been moved
    moved = shutil.copytree(source, tmp_path / "moved")
    (again,) = studies.transfer(moved, target, SETTINGS)
    assert again == first[0] | {"run": str(moved)}


def test_distances_are_between_codes_of_source_and_target(transferred, target):
    source, (record,) = transferred
    method, state, config = training.restore(source)
    encode = evaluation.code_fn(method, state)
    codes = [
        encode_sample(encode, data.load(name), jax.random.key(0), 150).codes
        for name in (config.dataset, target)
    ]
    omes = record["source_scores"]["omes"], record["before"]["omes"]
    found = studies.transfer_distances(*codes, *omes)
    assert record["distances"] == pytest.approx(found)
    assert found["frechet"] > 0


def test_a_source_scored_otherwise_is_scored_anew(source):
    (first,) = studies.score_source(source, SETTINGS)
    (other,) = studies.score_source(source, SETTINGS._replace(num_codes=30))
    assert [r["source_scores"]["num_train"] for r in (first, other)] == [40, 20]


def test_halves_of_a_set_are_kept_apart(train, target, monkeypatch):
    """A set of 150 images: trained on 80, transferred to the other 70."""
    whole = data.load(target)
    images, factors = map(np.asarray, whole.take(jnp.arange(150)))
    halves = {"train": slice(80), "test": slice(80, 150)}
    load = data.load

    def load_half(name, data_dir=None, split="all", **options):
        if name != "squares":
            return load(name, data_dir, split, **options)
        rows = halves[split]
        return data.from_arrays(
            *(images[rows], factors[rows]),
            name=name,
            factor_names=whole.factor_names,
            sizes=whole.sizes,
        )

    monkeypatch.setattr(data, "load", load_half)
    workdir = train("beta_vae", dataset="squares", split="train")
    (record,) = studies.transfer(workdir, "squares:test", SETTINGS)
    assert (record["source"], record["target"]) == ("squares:train", "squares:test")
    assert record["source_scores"]["num_train"] == 54
    for when in ("before", "after"):
        assert record[when]["num_train"] == 47
    config = training.read_config(studies.transfer_folder(workdir, "squares:test"))
    assert (config.dataset, config.split) == ("squares", "test")


def test_without_labels_a_set_may_be_the_source_and_not_the_target(
    train, target, tmp_path
):
    path = str(tmp_path / "unlabelled.npz")
    np.savez(path, images=np.load(target)["images"] // 2)
    workdir = train("beta_vae", dataset=path, **{"hparams.learning_rate": 1e-5})
    with pytest.raises(ValueError, match="has no labels, which transfer scores need"):
        studies.transfer(workdir, path, SETTINGS)
    assert studies.score_source(workdir, SETTINGS) == []
    (record,) = studies.transfer(workdir, target, SETTINGS)
    assert record["source_scores"] is None
    assert record["distances"]["omes_drop"] is None
    assert record["distances"]["frechet"] > 0
    assert record["after"]["factor_names"] == ["size", "place"]


def test_what_is_done_is_not_lost_to_other_settings(
    transferred, target, tmp_path, monkeypatch
):
    source, first = shutil.copytree(transferred[0], tmp_path / "copy"), transferred[1]
    folder = studies.transfer_folder(source, target)
    done = (folder / "transfer.json").read_text()
    for changed, message in (
        ({"num_codes": 140}, r"scoring\.num_codes: 150 -> 140\nRestore them by flags"),
        (
            {"readers": ("gbt", "mlp")},
            r"scoring\.readers: \['gbt'\] -> \['gbt', 'mlp'\]",
        ),
        ({"finetune_steps": 2}, "4 steps of fine-tuning, more than the 2 requested"),
        ({"finetune_steps": 2, "num_codes": 140}, "use --finetune_steps=4, or move"),
        (
            {"learning_rate": 5e-4},
            r"hparams\.learning_rate: 0.0001 -> 0.0005\nRestore them by flags",
        ),
        ({"readers": ("svm",)}, "expected some of"),
    ):
        with pytest.raises(ValueError, match=message) as error:
            studies.transfer(source, target, SETTINGS._replace(**changed))
        assert "--accept_changes" not in str(error.value)
        assert (folder / "transfer.json").read_text() == done
    # the same source, given by another path
    monkeypatch.chdir(source.parent)
    by_name = {"run": source.name}
    assert studies.transfer(source.name, target, SETTINGS) == [first[0] | by_name]
    assert (folder / "transfer.json").read_text() == done
    # and with more steps of fine-tuning
    more = SETTINGS._replace(finetune_steps=5)
    (record,) = studies.transfer(source.name, target, more)
    assert record["finetuning"]["steps"] == 5
    assert record["before"] == first[0]["before"]


def test_a_source_that_is_not_at_its_end_is_refused(source, target):
    config = training.read_config(source)
    config.steps = 400_000
    (source / "config.json").write_text(config.to_json())
    for call in (
        lambda: studies.transfer(source, target, SETTINGS),
        lambda: studies.score_source(source, SETTINGS),
    ):
        with pytest.raises(ValueError, match=r"3 of its 400,000 .* --config.steps=3"):
            call()
    assert not (source / "transfer").exists()


def test_a_source_whose_last_checkpoint_is_damaged_is_refused(source, target):
    for file in (source / "checkpoints" / "3" / "state").rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    with pytest.raises(
        ValueError, match=r"of step 3 in .* cannot be read, .* step 2 can"
    ):
        studies.transfer(source, target, SETTINGS)


def test_adam_goes_on_or_starts_afresh(transferred, source, target):
    _, begun, config = training.restore(source)
    made = int(begun.opt_state["vae"].count)
    assert made > 0
    _, kept, _ = training.restore(studies.transfer_folder(transferred[0], target))
    assert int(kept.opt_state["vae"].count) == made + 4
    settings = SETTINGS._replace(adam="fresh")
    folder = studies.transfer_folder(source, target, settings)
    assert folder.name.endswith("_fresh_adam")
    assert not studies.transfer_folder(source, target).name.endswith("_fresh_adam")
    fresh = training.train(finetuning_config(source, config, target, settings), folder)
    assert int(fresh.opt_state["vae"].count) == 4


@pytest.mark.slow
def test_members_of_a_population_keep_their_beta(transferred, train, target):
    workdir = train(**{"population.seed": (1, 0), "population.beta": (1.0, 2.0)})
    records = studies.transfer(workdir, target, SETTINGS)
    assert [(r["seed"], r["beta"]) for r in records] == [(1, 1), (1, 2), (0, 1), (0, 2)]
    _, states, config = training.restore(studies.transfer_folder(workdir, target))
    assert states.hparams["beta"].tolist() == [1.0, 2.0, 1.0, 2.0]
    assert [m.seed for m in training.members(config)] == [1, 1, 0, 0]
    (alone,), found = transferred[1], records[3]  # of the same seed and beta
    for when, precise in (("before", 1e-7), ("after", 1e-4)):
        of_member, by_itself = (r[when]["omes"]["association"] for r in (found, alone))
        np.testing.assert_allclose(of_member, by_itself, rtol=precise, atol=precise)
        every = [r[when]["omes"]["association"] for r in records]
        assert all(a != b for i, a in enumerate(every) for b in every[:i])
    config = training.read_config(workdir)
    config.population.warmup_steps = (1.0, 2.0)
    with pytest.raises(ValueError, match="differs in warmup_steps; fine-tuning keeps"):
        finetuning_config(workdir, config, target, SETTINGS)


def test_a_source_that_trained_on_is_another_one(
    transferred, target, tiny_config, home, tmp_path
):
    workdir = shutil.copytree(transferred[0], tmp_path / "copy")
    path = studies.transfer_folder(workdir, target) / "transfer.json"
    done = path.read_text()
    own = {"steps": 4, "checkpoint_every": 2, "dataset": home, "hparams.beta": 2.0}
    training.train(tiny_config("ada_gvae", **own), workdir)
    with pytest.raises(
        ValueError, match=r"init_from\.step: 3 -> 4\nThe source was trained further"
    ):
        studies.transfer(workdir, target, SETTINGS)
    assert path.read_text() == done  # earlier results are kept


@pytest.fixture
def begin(tiny_config, tmp_path):
    """`begin(method, ...)`: a workdir with all files that are read before a transfer."""

    def begin(method, **overrides):
        config = tiny_config(method, steps=1, **overrides)
        workdir = tmp_path / method
        write_config(workdir, config)
        images = data.load(config.dataset)
        make = data.SAMPLERS[training.make_method(config).batch]
        shapes = batch_shapes(make(images, 16, **config.sampler), images)
        checkpoints = training.Checkpoints(workdir / "checkpoints")
        blank = State(jnp.int32(1), jax.random.key(0), {}, {}, {}, {})
        checkpoints.save(1, blank, {"batch": batch_facts(shapes)}, None)
        checkpoints.close()
        return workdir

    return begin


@pytest.mark.parametrize(
    ("method", "codes"),
    [("infogan", ""), ("joint_vae", "'category', 'z'"), ("ml_vae", "'class', 'style'")],
)
def test_a_source_of_another_kind_is_refused(method, codes, begin, target):
    workdir = begin(method)
    with pytest.raises(ValueError, match="and the one code 'z', such as") as error:
        studies.transfer(workdir, target, SETTINGS)
    assert codes in str(error.value)
    with pytest.raises(ValueError, match="and the one code 'z', such as"):
        studies.run_transfers(workdir, [target], SETTINGS)
    assert not (workdir / "transfer").exists()


def test_a_factor_vae_is_a_source_and_so_is_a_population(begin):
    population = {"population.seed": (0, 1)}
    for workdir in (begin("factor_vae"), begin("ada_gvae", **population)):
        check_source(workdir, training.read_config(workdir))
