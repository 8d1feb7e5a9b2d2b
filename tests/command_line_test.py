"""`dis-jax`: commands, configs and studies by their names, in a clone and installed."""

import configparser
import os
import pathlib
import signal
import sys

import pytest

from dis_jax import command_line, extras, methods, shipped, training

ROOT = pathlib.Path(__file__).resolve().parents[1]


def test_help_lists_what_there_is(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["dis-jax", "--help"])
    command_line.main()
    shown = capsys.readouterr().out
    lines = dict(line.split(maxsplit=1) for line in shown.splitlines() if " " in line)
    assert lines["report"] == "Writes the report page of a run."
    assert "hints" not in lines
    assert {*methods.METHODS, *shipped.names("configs/studies")} <= {*lines}
    for name in ("rendered_nar", "mig", "infomec"):
        assert name in shown


def test_a_reader_of_the_help_may_stop(monkeypatch):
    """`dis-jax --help | head`: no traceback, here or when the interpreter exits."""
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr(sys, "argv", ["dis-jax", "--help"])
    with open(writer, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        with pytest.raises(SystemExit) as ended:
            command_line.main()
        closed.flush()
    assert ended.value.code == 128 + signal.SIGPIPE


def test_every_module_of_launch_is_a_command_or_shared_code():
    scripts = [
        p.stem
        for p in (ROOT / "launch").glob("*.py")
        if "start.run(main" in p.read_text()
    ]
    assert sorted(scripts) == sorted(command_line.commands())
    assert all(command_line.commands().values())


def test_an_unknown_command_is_named_with_the_nearest(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["dis-jax", "trian", "--workdir=a"])
    with pytest.raises(SystemExit):
        command_line.main()
    assert "error: no command 'trian'; did you mean 'train'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("short", "module"),
    [
        ("inspect", "inspect_data"),
        ("prepare", "prepare_data"),
        ("evaluate", "evaluate"),
    ],
)
def test_the_first_word_of_a_command_is_enough(short, module, monkeypatch):
    made = []
    monkeypatch.setattr(sys, "argv", ["dis-jax", short, "--x=1"])
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(
        command_line.runpy, "run_module", lambda name, **_: made.append(name)
    )
    command_line.main()
    assert made[0].split(".")[-1] == module
    assert sys.argv[1:] == ["--x=1"]


def test_configs_are_found_by_name_and_by_file(tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text(
        "from dis_jax.training import base_config\n"
        "def get_config(argument='mnist'):\n"
        "    return base_config.get_config('beta_vae', argument, beta=2.0)\n"
    )
    by_file = training.load_config(f"{mine}:rendered_norb,demo")
    assert (by_file.dataset, by_file.hparams.beta) == ("rendered_norb", 2.0)
    assert training.load_config(str(mine)).dataset == "mnist"
    by_name = training.load_config("beta_vae:rendered_norb,demo")
    assert by_name.to_dict() == by_file.to_dict() | {
        "hparams": by_file.hparams.to_dict() | {"beta": 4.0}
    }
    with pytest.raises(
        ValueError, match="no config 'beta_vea'; did you mean 'beta_vae'"
    ):
        training.load_config("beta_vea:demo")
    with pytest.raises(
        ValueError, match=r"no file .*mime\.py; similar names: .*mine\.py"
    ):
        training.load_config(str(tmp_path / "mime.py"))
    # a path from the docs, typed without a clone
    with pytest.raises(ValueError, match="The shipped one is called beta_vae"):
        shipped.find("configs", f"{tmp_path}/configs/beta_vae.py")


def test_where_the_package_is_installed_its_own_folders_are_taken(
    monkeypatch, tmp_path
):
    assert shipped.command("train") == "python -m launch.train"
    assert shipped.folder("configs") == ROOT / "configs"
    package = tmp_path / "dis_jax"
    for kind in ("launch", "configs/studies"):
        (package / kind).mkdir(parents=True)
    monkeypatch.setattr(shipped, "_PACKAGE", package)
    assert shipped.command("train") == "dis-jax train"
    assert shipped.folder("configs/studies") == package / "configs" / "studies"


def test_the_wheel_holds_every_package():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = setup["options"]["packages"].split()
    folders = [ROOT / "dis_jax", ROOT / "launch", ROOT / "configs"]
    packages = [p.parent for f in folders for p in f.rglob("__init__.py")]
    names = [".".join(p.relative_to(ROOT).parts) for p in packages]
    ours = [n if n.startswith("dis_jax") else f"dis_jax.{n}" for n in names]
    assert sorted(listed) == sorted(ours)


def test_a_package_that_is_missing_is_named_with_its_extra(monkeypatch, capsys):
    monkeypatch.setitem(extras.PACKAGES, "train", ("flax", "no_such_package"))
    monkeypatch.setattr(sys, "argv", ["dis-jax", "train", "--workdir=a"])
    with pytest.raises(SystemExit):
        command_line.main()
    message = 'error: no_such_package is not installed; pip install "dis_jax[train]"'
    assert message in capsys.readouterr().err
    found = extras.of_error(ModuleNotFoundError(name="h5py.h5"))
    assert found.startswith('h5py is not installed; pip install "dis_jax[data]"')
    assert extras.of_error(ModuleNotFoundError(name="mine")) == ""


def test_the_extras_of_messages_are_those_of_the_package():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    renamed = {"orbax-checkpoint": "orbax", "pillow": "PIL"}
    for extra, packages in extras.PACKAGES.items():
        lines = setup["options.extras_require"][extra].split()
        names = (line.partition(">=")[0] for line in lines)
        listed = [renamed.get(name, name.replace("-", "_")) for name in names]
        assert sorted(listed) == sorted(packages)
