"""Transfer from the shell: trains sources, transfers them and writes results."""

import json
import pathlib
import shutil

import numpy as np
import pytest

from dis_jax import figures, studies

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    """120 images of 64x64: a bar at one of three heights, of two widths."""
    rng = np.random.default_rng(0)
    width, height = rng.integers(0, 2, 120), rng.integers(0, 3, 120)
    images = rng.integers(0, 60, (120, 64, 64)).astype(np.uint8)
    for image, w, h in zip(images, width, height, strict=True):
        image[20 * h : 20 * h + 8, : 20 + 30 * w] = 255
    path = tmp_path_factory.mktemp("target") / "bars.npz"
    np.savez(path, images=images, width=width, height=height)
    return str(path)


@pytest.fixture(scope="module")
def source(tiny_config, tmp_path_factory):
    """The folder of a trained model, to be copied."""
    from dis_jax import training

    folder = tmp_path_factory.mktemp("source")
    training.train(tiny_config("beta_vae", steps=2), folder)
    return folder


@pytest.fixture
def study(tiny_config, target):
    rows = {}
    for method in ("beta_vae", "ada_gvae"):
        config = tiny_config(method, steps=2, checkpoint_every=2)
        config.hparams.beta = 2.0
        rows[f"{method}, beta 2"] = config
    return studies.TransferStudy(
        name="tiny",
        title="Tiny",
        rows=rows,
        seeds=(0,),
        targets=dict.fromkeys(rows, (target,)),
        settings=studies.TransferSettings(
            finetune_steps=2, readers=("gbt",), num_codes=120, num_pairs=20
        ),
    )


@pytest.mark.slow
def test_a_study_from_sources_to_pictures_and_again(study, target, tmp_path):
    calls = []
    studies.run_transfer_study(study, tmp_path, on_run=lambda: calls.append(1))
    assert len(calls) == 2 * 2
    records = studies.read_transfers(tmp_path)
    both = [("ada_gvae", 2.0), ("beta_vae", 2.0)]
    assert sorted((r["method"], r["beta"]) for r in records) == both
    made = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("transfer.json")}
    assert len(made) == 2
    studies.run_transfer_study(study, tmp_path)
    assert made == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("transfer.json")}

    out = tmp_path / "results"
    result = figures.write_transfer(tmp_path, out, title="Tiny")
    assert [t["models"] for t in result["tables"]] == [1, 1]
    (compared,) = result["differences"]
    assert sorted(compared["methods"]) == ["ada_gvae", "beta_vae"]
    assert compared["models"] == 1
    written = json.loads((out / "transfer.json").read_text())
    assert written["models"] == 2
    betas = {run: c["hparams"]["beta"] for run, c in written["sources"].items()}
    assert betas == {"ada_gvae_beta_2/seed0": 2.0, "beta_vae_beta_2/seed0": 2.0}
    for told in ("records", "source_records"):
        assert {record["run"] for record in written[told]} == {*betas}
    assert [(h["method"], h["beta"]) for h in written["on_source"]] == both
    assert (out / "transfer.md").read_text().startswith("# Tiny\n")
    drawn = sorted(path.stem.split("_")[0] for path in (out / "figures").glob("*.png"))
    assert drawn == sorted(["association", "table", "traversals"] * 2 + ["matrix"] * 4)


def test_targets_are_looked_at_before_sources_are_trained(study, tmp_path):
    for target, message in (
        ("smalnorb", "did you mean 'smallnorb'"),
        ("rendered_shapes3d", "take --target=rendered_shapes3d.grey"),
    ):
        asked = study._replace(targets=dict.fromkeys(study.rows, (target,)))
        with pytest.raises(ValueError, match=message):
            studies.run_transfer_study(asked, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--workdir=w"], "give either --source=..., or --study=... and --workdir"),
        (["--source=s", "--workdir=w"], "use it only with --study"),
        (["--study=s.py"], "use it only with --study"),
        (
            ["--study=s.py", "--workdir=w", "--adam=fresh", "--num_codes=9"],
            "--adam, --num_codes: no effect with --study",
        ),
        (
            ["--source=s", "--finetune_steps=9"],
            "--finetune_steps: no effect without --target",
        ),
        (["--study=joint_vae", "--workdir=w"], "not a transfer study; run it with"),
    ],
)
def test_what_would_have_no_effect_is_refused(run, words, message):
    done = run("transfer", *words)
    assert done.returncode == 1
    assert message in done.stderr


def test_a_file_that_makes_no_study_is_named(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def get_study(argument=''):\n    return 3\n")
    with pytest.raises(ValueError, match=r"mine\.py: get_study returned 3; expected a"):
        studies.load_study(str(file))


def test_runs_and_targets_are_looked_at_before_any_is_scored(source, target, tmp_path):
    shutil.copytree(source, tmp_path / "a")
    with pytest.raises(ValueError, match="no target given, and"):
        studies.run_transfers(tmp_path, [])
    for wrong in ("smalnorb", "rendered_shapes3d"):
        with pytest.raises(ValueError, match=r"smallnorb|rendered_shapes3d\+grey"):
            studies.run_transfers(tmp_path, [target, wrong])
    shutil.copytree(source, tmp_path / "b")
    path = tmp_path / "b" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"steps": 5}))
    with pytest.raises(ValueError, match="2 of its 5 steps"):
        studies.run_transfers(tmp_path, [target])
    assert not list(tmp_path.rglob("transfer"))


def test_words_after_the_colon_choose(monkeypatch):
    monkeypatch.chdir(ROOT)
    found = studies.load_study(
        "configs/studies/transfer_shapes3d.py:2,700,30,gbt,isaac3d"
    )
    assert found.seeds == (0, 1)
    assert len(found.rows) == 6
    assert {config.steps for config in found.rows.values()} == {700}
    assert {config.checkpoint_every for config in found.rows.values()} == {35}
    assert set(found.targets.values()) == {("isaac3d",)}
    assert found.name == "transfer_shapes3d"
    assert (found.settings.finetune_steps, found.settings.readers) == (30, ("gbt",))
    found = studies.load_study(
        "configs/studies/transfer_coil100.py:mine/a.npz,smallnorb:test"
    )
    assert set(found.targets.values()) == {("mine/a.npz", "smallnorb:test")}
    for word, hint in (
        ("seeds2", "At most 3 plain numbers are allowed"),
        ("ada_gvea", "did you mean 'ada_gvae'"),
        ("pairs32.5", "pairsN, rateN"),
        ("rate5e-", "pairsN, rateN"),
    ):
        with pytest.raises(ValueError, match=f"unknown argument '{word}'; .*{hint}"):
            studies.load_study(f"configs/studies/transfer_dsprites.py:{word}")
    for words, hint in (
        ("2,100,50,7", "unknown argument '7'; .*At most 3 plain numbers"),
        ("0,100", "larger than 0"),
        ("2,0,5", "larger than 0"),
        ("pairs0", "unknown argument 'pairs0'"),
        ("rate0", "larger than 0"),
    ):
        with pytest.raises(ValueError, match=hint):
            studies.load_study(f"configs/studies/transfer_dsprites.py:{words}")
    found = studies.load_study("configs/studies/transfer_dsprites.py:fresh,800")
    assert found.settings.adam == "fresh"
    assert set(found.targets.values()) == {
        ("rendered_dsprites+noisy", "dsprites+coloured")
    }
    found = studies.load_study("configs/studies/transfer_coil100.py:1,3000")
    assert found.rows["ada_gvae, beta 1"].hparams.warmup_steps == 500  # of 3,000
    assert "over the first 500 steps" in found.notes
    found = studies.load_study(
        "configs/studies/transfer_noisy_dsprites.py:beta_vae,beta8"
    )
    assert list(found.rows) == ["beta_vae, beta 8"]
    found = studies.load_study("configs/studies/transfer_dsprites.py:ada_gvae")
    assert list(found.rows) == ["ada_gvae, beta 1", "ada_gvae, beta 2"]
    assert len(found.seeds) == 10
    assert found.rows["ada_gvae, beta 2"].hparams.warmup_steps == 50_000
    assert found.rows["ada_gvae, beta 2"].hparams.learning_rate == 1e-4
    assert found.rows["ada_gvae, beta 2"].batch_size == 64
    assert found.settings.finetune_steps == 50_000
    found = studies.load_study(
        "configs/studies/transfer_noisy_dsprites.py:ada_gvae,beta_vae,beta1,pairs32,rate5e-4"
    )
    assert {config.hparams.learning_rate for config in found.rows.values()} == {5e-4}
    assert found.rows["ada_gvae, beta 1"].batch_size == 32
    assert found.rows["beta_vae, beta 1"].batch_size == 64
    assert "32 pairs per step, Adam 0.0005" in found.notes


def test_one_that_diverges_or_is_taken_keeps_no_other_from_being_made(
    source, target, tmp_path, monkeypatch
):
    from dis_jax import training
    from dis_jax.studies import transfer_study

    for run in ("a", "b"):
        shutil.copytree(source, tmp_path / run)
    made = []

    def transfer(run, name, settings, data_dir):
        if run.name == "a":
            errors = training.NonFiniteError, training.BusyError
            raise errors[name == target]("no")
        made.append((run.name, name))

    monkeypatch.setattr(transfer_study, "transfer", transfer)
    targets = [target, "rendered_dsprites"]
    with pytest.raises(training.NonFiniteError, match="a to rendered_dsprites"):
        studies.run_transfers(tmp_path, targets)
    assert made == [("b", name) for name in targets]


def test_a_summary_names_the_first_command_and_what_diverged(tmp_path, tiny_config):
    from dis_jax.training import workdir

    for name in ("a", "a/transfer/smallnorb", "b"):
        workdir.write_config(tmp_path / name, tiny_config("beta_vae"))
    workdir.write_divergence(tmp_path / "b", "loss is not finite at step 3.")
    workdir.write_divergence(tmp_path / "a/transfer/smallnorb", "kl is not finite.")
    (tmp_path / "transfer.json").write_text('{"made_by": "the first command"}')
    result = figures.write_transfer(tmp_path, tmp_path, pictures=False)
    assert result["made_by"] == "the first command"
    assert [*result["diverged"]] == ["a/transfer/smallnorb", "b"]
    text = (tmp_path / "transfer.md").read_text()
    assert "Made by `the first command`." in text
    assert "Diverged and excluded from all tables: a/transfer/smallnorb; b." in text
    result = figures.write_transfer(tmp_path, tmp_path, made_by="mine", pictures=False)
    assert result["made_by"] == "mine"


@pytest.mark.slow
def test_one_run_from_the_shell(run, source, target, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(source, folder)
    done = run(
        *("transfer", f"--source={folder}", f"--target={target}"),
        *("--finetune_steps=2", "--readers=gbt", "--num_codes=120", "--nopictures"),
    )
    assert done.returncode == 0, done.stderr
    assert "| GBT, full |" in done.stdout
    found = json.loads((folder / "transfer.json").read_text())
    assert found["made_by"] == (
        f"python -m launch.transfer --target={target} --finetune_steps=2 --readers=gbt "
        "--num_codes=120 --nopictures --source=..."
    )
    assert f"Made by `{found['made_by']}`." in (folder / "transfer.md").read_text()
