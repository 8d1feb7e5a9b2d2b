"""Models ranked without labels: a tiny population, and its scores by hand."""

import json
import shutil

import jax
import numpy as np
import pytest

from dis_jax import data, evaluation, studies, training


@pytest.fixture(scope="module")
def population(tmp_path_factory, tiny_config):
    folder = tmp_path_factory.mktemp("population")
    lists = {"population.seed": (3, 5), "population.beta": (1.0, 8.0)}
    training.train(tiny_config("beta_vae", steps=1, **lists), folder)
    return folder


def rank(folder, **options):
    return studies.rank_models(
        studies.find_candidates(folder), num_images=200, **options
    )


def test_members_are_compared_with_those_of_their_settings(population):
    candidates = studies.find_candidates(population)
    assert [(m.member, m.seed) for m in candidates] == [(0, 3), (1, 3), (2, 5), (3, 5)]
    result = rank(population)
    assert result["num_images"] == 200
    images = data.load("rendered_dsprites")
    index = images.choose(np.random.default_rng(0), 200)
    pixels, factors = jax.jit(data.ImageSet.take)(images, index)
    method, states, _ = training.restore(population)
    encode = jax.jit(method.encode)
    codes, kl = {}, {}
    for member in range(4):
        state = training.member(states, member)
        mean, logvar = map(np.asarray, encode(state, {"image": pixels})["z"])
        codes[member] = mean
        kl[member] = np.mean(0.5 * (mean**2 + np.exp(logvar) - 1 - logvar), axis=0)
    for pair in ((0, 2), (1, 3)):  # of one beta
        expected = evaluation.udr([codes[m] for m in pair], kl=[kl[m] for m in pair])
        found = {m["member"]: m for m in result["models"] if m["member"] in pair}
        for member, score in zip(pair, expected.scores, strict=True):
            assert found[member]["udr"] == pytest.approx(score, abs=1e-4)
            assert found[member]["settings"] == {"beta": ["1.0", "8.0"][member % 2]}
            scored = evaluation.evaluate_codes(
                *(codes[member], factors, 0, "mig"), kinds=images.kinds
            )["metrics"]["mig"]["result"]["score"]
            assert found[member]["scores"]["mig score"] == pytest.approx(
                scored, abs=1e-3
            )
    udrs = [model["udr"] for model in result["models"]]
    assert udrs == sorted(udrs, reverse=True)
    json.dumps(result, allow_nan=False)


def test_a_run_without_a_checkpoint_is_left_out(population, tmp_path):
    """For example, a run that a study still trains."""
    shutil.copytree(population, tmp_path / "done")
    (tmp_path / "live").mkdir()
    shutil.copy(population / "config.json", tmp_path / "live")
    result = rank(tmp_path, metrics=())
    assert len(result["models"]) == 4
    why = [text for name, text in result["left_out"].items() if "live" in name]
    assert len(why) == 4
    assert all("has no checkpoint yet" in text for text in why)
    shutil.rmtree(tmp_path / "done")
    with pytest.raises(FileNotFoundError, match="has no checkpoint yet"):
        rank(tmp_path)


def test_the_table_names_rank_and_settings(population):
    table = studies.ranking_table(rank(population))
    assert "images drawn for this ranking; python -m launch.evaluate" in table
    lines = studies.ranking_table(rank(population, metrics=())).splitlines()
    assert not any("drawn for this ranking" in line for line in lines)
    assert lines[0].split() == ["rank", "run", "member", "seed", "beta", "UDR"]
    assert [line.split()[0] for line in lines[1:5]] == ["1", "2", "3", "4"]


def test_one_seed_alone_and_other_data_are_refused(population, tmp_path, tiny_config):
    alone = studies.find_candidates(population)[:2]
    with pytest.raises(ValueError, match="no two models share their settings"):
        studies.rank_models(alone, num_images=20)
    with pytest.raises(FileNotFoundError, match="no run in"):
        studies.find_candidates(tmp_path)
    for name in ("rendered_dsprites", "rendered_shapes3d"):
        config = tiny_config("beta_vae", dataset=name)
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(config.to_json())
    with pytest.raises(ValueError, match="have dataset rendered_dsprites, rendered_sh"):
        studies.find_candidates(tmp_path)


def test_a_study_s_table_shows_udr(tmp_path, tiny_config):
    config = tiny_config("beta_vae")
    study = studies.Study(
        *("a", "A", {"vae": config}, (0, 1)), score=lambda _: {}, shown=["mig"]
    )
    records = [
        {
            "row": "vae",
            "seed": s,
            "steps": 1,
            "scores": {"": {"mig": 0.5}},
            "config": {},
        }
        for s in (0, 1)
    ]
    ranked = [
        {"run": str(tmp_path / "vae" / f"seed{s}"), "member": None, "udr": s / 4}
        for s in (0, 1)
    ]
    found = studies.tabulate(
        *studies.with_udr(study, records, tmp_path, {"models": ranked})
    )
    assert found["lines"]["vae"]["UDR"]["mean"] == pytest.approx(1 / 8)
    assert "| vae | 0.5 ± 0 | 0.125 ± 0.18 |" in studies.markdown_table(found)


def test_from_the_shell(run, population):
    done = run("select", f"--workdir={population}", "--images=100")
    assert done.returncode == 0, done.stderr
    result = json.loads((population / "udr_seed0.json").read_text())
    assert len(result["models"]) == 4
    assert "rank correlation of UDR and mig score" in done.stdout
