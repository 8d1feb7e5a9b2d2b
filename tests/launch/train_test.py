"""Mistakes of a new user give one message that says what to do."""

import json
import pathlib
import shlex

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = "--config=configs/beta_vae.py:rendered_dsprites,mlp"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((CONFIG, "--config.hparams.bata=3"), "did you mean 'hparams.beta'"),
        ((CONFIG, "--config.sampler.order=epoch"), "The word epoch sets sampler.order"),
        ((CONFIG, "--config.steps=many"), "steps=many: expected an integer"),
        ((CONFIG, "--wordir=x"), "Did you mean: workdir"),
        (("--config=configs/nothing.py",), "configs/nothing.py"),
        (
            ("--config=configs/beta_vae.py:rendered_dsprite",),
            "did you mean 'rendered_dsprites'",
        ),
        (
            ("--config=configs/beta_vae.py:mnist",),
            "set DIS_JAX_DATA_DIR, to the folder",
        ),
        ((CONFIG, "stray"), "['stray']. Options start with --, and values with spaces"),
        ((CONFIG, str(ROOT)), f"Did you mean --workdir={ROOT}?"),
    ],
)
def test_a_mistake_ends_in_a_message_and_leaves_nothing_behind(
    run, arguments, message, tmp_path
):
    workdir = tmp_path / "run"
    result = run("train", *arguments, f"--workdir={workdir}")
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not workdir.exists()


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        ("report", (), "error: --workdir=... is missing\n"),
        ("report", (str(ROOT),), f"is missing. Did you mean --workdir={ROOT}?\n"),
        (
            "compare",
            (f"--workdir={ROOT}",),
            "'workdir'. Name the folders without a flag",
        ),
    ],
)
def test_a_folder_in_the_place_of_a_flag_is_led_to_it(run, command, arguments, said):
    done = run(command, *arguments)
    assert done.returncode == 1
    assert said in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def get_config(:", "SyntaxError: invalid syntax (mine.py, line 1)"),
        ("import nothing_of_that_name", "No module named 'nothing_of_that_name'"),
        ("def get_config():\n    return {}['a']", "KeyError: 'a' (mine.py, line 2)"),
        ("def get_config():\n    return 3", "get_config returned 3"),
        ("", "has no attribute 'get_config'"),
    ],
)
def test_a_config_file_that_fails_is_named_with_its_line(run, text, message, tmp_path):
    config = tmp_path / "mine.py"
    config.write_text(text)
    result = run("train", f"--config={config}", f"--workdir={tmp_path / 'run'}")
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert message in result.stderr.replace(f"{tmp_path}/", "")
    assert "Traceback" not in result.stderr


def test_a_run_from_the_shell_resumes_and_guards_its_workdir(run, tmp_path):
    workdir = tmp_path / "run"
    small = (
        *(CONFIG, "--config.network.encoder=(8,)", "--config.network.decoder=(8,)"),
        *("--config.batch_size=8", "--config.log_every=2"),
        *("--config.tensorboard=False", f"--workdir={workdir}"),
    )
    first = run("train", *small, "--config.steps=4")
    assert first.returncode == 0, first.stderr
    assert "step 4 of 4" in first.stderr
    assert "orbax" not in first.stderr
    second = run("train", *small, "--config.steps=6")
    assert second.returncode == 0, second.stderr
    assert "resuming from step 4" in second.stderr
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4, 6]
    command = shlex.join(("python", "-m", "launch.train", *small[:-1]))
    recorded = run(
        *(
            "benchmarks.record",
            f"--workdir={workdir}",
            "--name=a",
            f"--results={tmp_path}",
        )
    )
    assert recorded.returncode == 0, recorded.stderr
    record = json.loads((tmp_path / "a.json").read_text())
    assert record["command"] == f"{command} --config.steps=6"
    assert (record["steps"], record["config"]["batch_size"]) == (6, 8)
    other = run("train", *small, "--config.steps=8", "--config.hparams.beta=9")
    assert other.returncode == 1
    assert "hparams.beta: 4.0 -> 9.0" in other.stderr
    assert "--accept_changes" in other.stderr
    changed = (
        *small,
        "--config.steps=8",
        "--config.hparams.beta=9",
        "--accept_changes",
    )
    assert run("train", *changed).returncode == 0
    made = (workdir / "command.txt").read_text().splitlines()
    assert made[0] == f"{command} --config.steps=6"
    assert made[1].endswith("--accept_changes")
    longer = (*small, "--config.steps=10", "--config.hparams.beta=9")
    assert run("train", *longer).returncode == 0
    assert (workdir / "command.txt").read_text().splitlines() == [
        made[0],
        f"{command} --config.steps=10 --config.hparams.beta=9",
    ]
