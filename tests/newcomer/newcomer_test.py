"""All first steps of a new user, from the wheel alone, in an empty folder."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = ("dis_jax", "launch", "configs", "setup.cfg", "pyproject.toml", "LICENSE")
TINY = (
    *("--config.network.encoder=(8,)", "--config.network.decoder=(8,)"),
    *("--config.network.latent=3", "--config.batch_size=8", "--config.log_every=10"),
    *("--config.checkpoint_every=10", "--config.tensorboard=False", "--workdir=runs/a"),
)
KILLED = """
import glob, os, runpy, signal, sys, threading, time

def kill():
    while not glob.glob("runs/a/checkpoints/*0"):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)

threading.Thread(target=kill, daemon=True).start()
sys.argv = ["dis-jax", "train", *sys.argv[1:]]
runpy.run_module("dis_jax", run_name="__main__", alter_sys=True)
"""
RESTORED = """
import sys
import jax, numpy as np
from dis_jax import evaluation, training

x = jax.random.uniform(jax.random.key(0), (4, 64, 64, 1))
for name in sys.argv[1:]:
    method, state, config = training.restore(name)
    print(np.asarray(evaluation.code_fn(method, state)(x)).tolist())
"""
MINE = """
from dis_jax.training import base_config

def get_config(argument="rendered_dsprites"):
    return base_config.get_config("beta_vae", argument, beta=2.0)
"""

OWN = (
    *("--config.steps=4", "--config.batch_size=16", "--config.log_every=2"),
    *("--config.checkpoint_every=4", "--config.tensorboard=False"),
    "--config.population.sparsity=(0.,.5)",
)
STUDY = """
from dis_jax import data, evaluation, studies
from dis_jax.training import load_config

def score(run):
    images, _ = data.load(run.config.dataset).take(range(50))
    codes = evaluation.code_fn(run.method, run.state)(images)
    return {"": {"spread": float(codes.std())}}

def get_study(argument=""):
    config = load_config("my_config.py:demo")
    config.update_from_flattened_dict(
        dict(steps=2, batch_size=8, log_every=2, checkpoint_every=2, tensorboard=False)
    )
    return studies.Study("own", "Mine", {"sparse": config}, (0,), score)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Folder where the wheel is installed; dependencies come from this environment."""
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in (*SOURCES, "README.md"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    for words in (
        ["wheel", "--no-deps", "--no-build-isolation", f"-w{folder}", str(source)],
        ["install", "--no-deps", "--no-index", f"-f{folder}", "dis_jax"],
    ):
        target = [f"--target={folder / 'site'}"] if words[0] == "install" else []
        done = subprocess.run(
            [*pip, *words, *target], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder that is empty at first."""
    return tmp_path_factory.mktemp("empty")


@pytest.fixture(scope="module")
def here(site, folder):
    """`here(command, ...)`: runs commands one after another in that folder."""
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=1"
    env = {k: v for k, v in os.environ.items() if k != "DIS_JAX_DATA_DIR"}
    env |= {"PYTHONPATH": str(site), "XLA_FLAGS": flags}
    server = subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "command_server.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=env,
    )

    def run(*arguments, code=None):
        what = {"code": code} if code else {"module": "dis_jax"}
        files = {name: str(folder / f".{name}") for name in ("stdout", "stderr")}
        for path in files.values():
            pathlib.Path(path).unlink(missing_ok=True)
        asked = {**what, **files, "arguments": arguments, "env": env, "timeout": 200}
        server.stdin.write(json.dumps([asked]) + "\n")
        server.stdin.flush()
        (status,) = json.loads(server.stdout.readline())
        texts = [pathlib.Path(path).read_text() for path in files.values()]
        return subprocess.CompletedProcess(arguments, status, *texts)

    yield run
    server.communicate()


def test_the_command_is_installed_and_nothing_else_is_at_the_top(site, tmp_path):
    assert {p.name for p in site.iterdir() if p.suffix != ".dist-info"} == {
        "bin",
        "dis_jax",
    }
    done = subprocess.run(
        [str(site / "bin" / "dis-jax"), "trian"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(site)},
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: no command 'trian'; did you mean 'train'")


def test_train_kill_resume_score_report_export_restore(here, folder):
    run = folder / "runs" / "a"
    train = ("--config=vae:mlp", *TINY)
    killed = here(*train, "--config.steps=100000", code=KILLED)
    assert killed.returncode == -9, killed.stderr
    reached = max(
        int(p.name) for p in (run / "checkpoints").iterdir() if p.name.isdigit()
    )

    done = here("train", *train, f"--config.steps={reached + 20}")
    assert done.returncode == 0, done.stderr
    assert f"resuming from step {reached}" in done.stderr
    assert (run / "command.txt").read_text().startswith("dis-jax train --config=vae")

    command = (run / "command.txt").read_text()
    again = ("--config.hparams.learning_rate=1", f"--config.steps={reached}")
    done = here("train", *train, *again, "--accept_changes")
    assert done.returncode == 0, done.stderr
    assert "its config stays as it was" in done.stderr
    assert (run / "command.txt").read_text() == command

    scoring = ("--metrics=mig,irs", "--seed=3", "--baselines=none")
    as_label = "--kinds=orientation=categorical"
    done = here("evaluate", "--workdir=runs/a", *scoring, as_label)
    assert done.returncode == 0, done.stderr
    scored = run / "evaluation" / f"mig+irs_seed3_step{reached + 20}.json"
    result = json.loads(scored.read_text())
    assert (result["num_train"], result["num_test"]) == (10_000, 5_000)
    assert set(result["metrics"]) == {"mig", "irs"}
    assert result["factor_kinds"]["orientation"] == "categorical"

    hearts = "rendered_dsprites+only(shape=heart)"
    done = here("evaluate", "--workdir=runs/a", *scoring, f"--dataset={hearts}")
    assert done.returncode == 0, done.stderr
    (on_hearts,) = run.glob("evaluation/*_dataset_rendered_dsprites+only_shape_heart_*")
    assert json.loads(on_hearts.read_text())["data"] == hearts

    done = here("report", "--workdir=runs/a", "--num_examples=16")
    assert done.returncode == 0, done.stderr
    assert on_hearts.name not in (run / "report.html").read_text()
    assert scored.name in (run / "report.html").read_text()
    assert (run / "report.html").stat().st_size > 10_000

    done = here("export", "--workdir=runs/a", "--out=weights/mine")
    assert done.returncode == 0, done.stderr
    card = (folder / "weights" / "mine" / "README.md").read_text()
    score = result["metrics"]["mig"]["result"]["score"]
    assert f"| mig | score | {score:.3f} |" in card
    assert f"Trained for {reached + 20:,} steps of 8 examples, seed 0, by" in card
    assert (folder / "weights" / "mine" / "traversals_z.png").is_file()

    done = here("runs/a", "weights/mine", code=RESTORED)
    assert done.returncode == 0, done.stderr
    trained, exported = (
        np.array(json.loads(line)) for line in done.stdout.splitlines()
    )
    np.testing.assert_array_equal(trained, exported)
    assert np.ptp(trained, axis=0).min() > 0


def test_a_config_of_ones_own_and_mistakes(here, folder):
    (folder / "mine.py").write_text(MINE)
    done = here("train", "--config=mine.py:mlp,dmeo", "--workdir=runs/b")
    assert "unknown argument 'dmeo'; did you mean 'demo'" in done.stderr
    assert "(mine.py, line 5)" in done.stderr
    done = here("train", "--config=factr_vae", "--workdir=runs/c")
    assert done.stderr.startswith(
        "error: --config: no config 'factr_vae'; did you mean"
    )
    assert "See dis-jax train --help." in done.stderr
    done = here("report", "--workdir=runs/c")
    assert "make one with dis-jax train --config=" in done.stderr


def example(holding):
    """The one Python block in docs/own_method.md that contains the text `holding`."""
    page = (ROOT / "docs" / "own_method.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (found,) = (block for block in blocks if holding in block)
    return found


def test_a_method_a_set_networks_and_a_metric_of_ones_own(here, folder):
    (folder / "my_module.py").write_text(example("def sparse_vae"))
    (folder / "my_config.py").write_text(example("from my_module"))
    train = ("train", "--config=my_config.py:demo", "--workdir=runs/own", *OWN)
    done = here(*train)
    assert done.returncode == 0, done.stderr
    done = here(*train, "--config.steps=6")
    assert "resuming from step 4" in done.stderr
    lines = (folder / "runs" / "own" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4, 6]

    scoring = ("evaluate", "--workdir=runs/own", "--member=1", "--baselines=none")
    scoring += ("--metrics=my_module:active_dimensions",)
    done = here(*scoring)
    assert done.returncode == 1
    assert "'my_module:sparse_vae', code from outside dis_jax" in done.stderr
    assert "nothing was imported" in done.stderr
    done = here(*scoring, "--allow_code")
    assert done.returncode == 0, done.stderr
    (scored,) = (folder / "runs" / "own" / "evaluation").glob("*.json")
    entry = json.loads(scored.read_text())["metrics"]["my_module:active_dimensions"]
    assert 0 <= entry["result"]["score"] <= 10
    all_members = [word for word in scoring if word != "--member=1"]
    done = here(*all_members, "--allow_code")  # the second has scores already
    assert f"has {scored.name} already. --overwrite scores all" in done.stderr
    assert [*scored.parent.glob("*.json")] == [scored]
    own = ("--workdir=runs/own", "--member=1", "--allow_code", "--num_examples=16")
    done = here("report", *own)
    assert done.returncode == 0, done.stderr
    page = folder / "runs" / "own" / "report_member1.html"
    assert "squares" in page.read_text()


def test_a_study_and_a_transfer_of_a_method_of_ones_own(here, folder):
    (folder / "my_module.py").write_text(example("def sparse_vae"))
    (folder / "my_config.py").write_text(example("from my_module"))
    (folder / "my_study.py").write_text(STUDY)
    done = here("study", "--study=my_study.py", "--workdir=runs/study")
    assert done.returncode == 0, done.stderr
    (folder / "wrong.py").write_text(
        "def get_study(argument):\n    return 1 + argument"
    )
    wrong = here("study", "--study=wrong.py", "--workdir=runs/wrong")
    assert wrong.stderr.startswith("error: wrong.py: TypeError: unsupported operand")
    assert "wrong.py, line 2)" in wrong.stderr
    assert "| sparse |" in (folder / "runs" / "study" / "own.md").read_text()

    transfer = ("transfer", "--source=runs/study/sparse/seed0", "--finetune_steps=2")
    transfer += ("--target=my_module:squares", "--readers=gbt", "--num_codes=60")
    done = here(*transfer, "--nopictures")
    assert "nothing was imported" in done.stderr
    done = here(*transfer, "--nopictures", "--allow_code")
    assert done.returncode == 0, done.stderr
    (written,) = (folder / "runs" / "study").glob(
        "sparse/seed0/transfer/*/transfer.json"
    )
    assert written.parent.name == "my_module_squares"
