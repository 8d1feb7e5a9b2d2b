"""An exported model equals the model: in this package, in NumPy, in PyTorch."""

import importlib.util
import json
import pathlib
import sys
import types

import jax
import numpy as np
import pytest

from dis_jax import data, evaluation, training
from dis_jax.methods import point
from dis_jax.training import exported
from dis_jax.training.program import batch_shapes
from dis_jax.training.workdir import batch_facts, strict_json

pytest.importorskip("safetensors")
EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
IMAGES = np.random.default_rng(0).random((5, 64, 64, 1), np.float32)


def batch_of(method, config):
    """Shapes and types of a training batch."""
    image_set = data.load(config.dataset)
    make = data.SAMPLERS[method.batch]
    return batch_shapes(make(image_set, config.batch_size, **config.sampler), image_set)


def write(config, folder, **options):
    """Exports a model that was initialised, not trained."""
    method = training.make_method(config)
    shapes = batch_of(method, config)
    blank = jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), shapes)
    state = jax.jit(method.init)(jax.random.key(1), blank)
    facts = {"batch": batch_facts(shapes)}
    exported.write(folder, method, state, strict_json(config), facts, **options)
    return method, state


@pytest.fixture(scope="module")
def folder(tiny_config, tmp_path_factory):
    """The export of a small convolutional FactorVAE, and its codes."""
    config = tiny_config("factor_vae")
    config.discriminator.widths = (64, 64)
    config.network = training.load_config("factor_vae").network
    config.network.update(latent=3, hidden=8, widths=(2, 3, 4, 4))
    folder = tmp_path_factory.mktemp("exported")
    method, state = write(config, folder)
    return folder, np.asarray(evaluation.code_fn(method, state)(IMAGES))


def test_codes_and_images_are_those_of_the_model(tiny_config, tmp_path):
    method, state = write(tiny_config("joint_vae"), tmp_path)
    again, read, config = training.restore(tmp_path)
    assert config.hparams.clip_norm == float("inf")
    json.loads((tmp_path / "config.json").read_text(), parse_constant=pytest.fail)
    before, after = (
        evaluation.encode_codes(m, s, IMAGES)
        for m, s in ((method, state), (again, read))
    )
    jax.tree.map(np.testing.assert_array_equal, before, after)
    points = {k: point(code) for k, code in before.items()}
    images = [jax.jit(m.decode)(s, points) for m, s in ((method, state), (again, read))]
    np.testing.assert_array_equal(*images)
    assert not read.opt_state


def test_half_of_the_bytes_keep_codes_and_hyperparameters(tiny_config, tmp_path):
    config = tiny_config("beta_vae")
    config.hparams.beta = 4.000001  # float16 has 4 only
    method, state = write(config, tmp_path / "half", half=True)
    write(config, tmp_path / "whole")
    sizes = [
        (tmp_path / name / "model.safetensors").stat().st_size
        for name in ("half", "whole")
    ]
    assert 0.5 < sizes[0] / sizes[1] < 0.52
    again, read, _ = training.restore(tmp_path / "half")
    assert read.hparams["beta"] == state.hparams["beta"] != 4
    weights = jax.tree.leaves(read.params)
    assert {leaf.dtype for leaf in weights} == {np.dtype(np.float32)}
    codes = [
        np.asarray(evaluation.code_fn(m, s)(IMAGES))
        for m, s in ((method, state), (again, read))
    ]
    np.testing.assert_allclose(*codes, atol=2e-3 * np.abs(codes[0]).max())
    found = load("read_with_numpy").encode(tmp_path / "half", IMAGES)
    np.testing.assert_allclose(found, codes[1], atol=1e-5)


def test_a_weight_beyond_float16_is_named():
    with pytest.raises(
        ValueError, match=r"params\.w contains 7e\+04, more than a float16"
    ):
        exported._halved("params.w", np.float32([1, -7e4]))


def test_scores_of_another_model_are_not_taken_over(tiny_config, tmp_path):
    write(tiny_config("vae"), tmp_path)
    exported.check_free(tmp_path)
    (tmp_path / "evaluation").mkdir()
    with pytest.raises(FileExistsError, match="evaluation of another model; delete"):
        exported.check_free(tmp_path)


def test_readers_refuse_codes_that_are_no_means(tiny_config, tmp_path):
    write(tiny_config("qlae"), tmp_path)
    with pytest.raises(ValueError, match="the code of qlae is not a mean"):
        load("read_with_numpy").encode(tmp_path, IMAGES)


def test_what_serves_the_training_alone_is_left_out(folder):
    _, state, config = training.restore(folder[0])
    assert tuple(config.discriminator.widths) == (64, 64)
    assert sorted(state.params) == ["decoder", "encoder"]


def test_a_learned_prior_is_kept_and_a_discriminator_is_not():
    config = training.load_config("infogan:rendered_dsprites")
    config.update(prior="learned", image_shape=(64, 64, 1))
    method = training.make_method(config)
    state = jax.eval_shape(method.init, jax.random.key(0), batch_of(method, config))
    kept = exported.needed(
        method, state, jax.ShapeDtypeStruct((2, 64, 64, 1), "float32")
    )
    assert "prior" in kept["params"]
    assert state.params.keys() - {*kept["params"]} == {"discriminator"}


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_numpy_and_pytorch_read_the_same_codes(folder, tiny_config, tmp_path):
    readers = [load("read_with_numpy").encode]
    if importlib.util.find_spec("torch"):
        module = load("read_with_torch").Encoder
        readers.append(lambda path, x: evaluation.encode_with(module(path), x))
    dense = tiny_config("beta_vae")
    dense.network.update(encoder=(7, 6, 5), activation="tanh")
    method, state = write(dense, tmp_path)
    of_dense = tmp_path, np.asarray(evaluation.code_fn(method, state)(IMAGES))
    for path, codes in (folder, of_dense):
        assert np.ptp(codes) > 0.05
        for read in readers:
            np.testing.assert_allclose(read(path, IMAGES), codes, atol=1e-5)


def test_a_file_that_was_cut_is_named(folder, tmp_path):
    whole = (folder[0] / "model.safetensors").read_bytes()
    (tmp_path / "config.json").write_bytes((folder[0] / "config.json").read_bytes())
    for kept in (0, 4, 100, len(whole) - 1):
        (tmp_path / "model.safetensors").write_bytes(whole[:kept])
        with pytest.raises(
            ValueError, match=r"model\.safetensors cannot be read: .*cut"
        ):
            training.restore(tmp_path)


def test_arrays_that_are_not_those_of_the_config_are_named(folder, tmp_path):
    from safetensors.numpy import load, save_file

    whole = (folder[0] / "model.safetensors").read_bytes()
    config = json.loads((folder[0] / "config.json").read_text())
    config["network"]["latent"] = 4
    (tmp_path / "model.safetensors").write_bytes(whole)
    (tmp_path / "config.json").write_text(json.dumps(config))
    shapes = r"kernel has the shape \(3, 8\); the model of .*config\.json has \(4, 8\)"
    with pytest.raises(ValueError, match=shapes):
        training.restore(tmp_path)

    config["network"]["latent"] = 3
    (tmp_path / "config.json").write_text(json.dumps(config))
    with exported_file(folder[0]) as file:
        metadata = file.metadata()
    arrays = load(whole)
    lost = arrays.pop("params.encoder.mean.bias")
    save_file(arrays, tmp_path / "model.safetensors", metadata)
    with pytest.raises(ValueError, match=r"has no params\.encoder\.mean\.bias, which"):
        training.restore(tmp_path)
    both = arrays | {"params.encoder.mean.bias": lost, "params.other": lost}
    save_file(both, tmp_path / "model.safetensors", metadata)
    with pytest.raises(
        ValueError, match=r"contains params\.other, which .* does not have"
    ):
        training.restore(tmp_path)
    save_file(arrays, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="was not written by this package"):
        training.restore(tmp_path)


def exported_file(folder):
    from safetensors import safe_open

    return safe_open(folder / "model.safetensors", framework="numpy")


def test_a_name_on_the_hub_is_downloaded_or_its_error_shown(folder, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "huggingface_hub", None)
        patch.setattr(exported.extras, "missing", lambda extra: f"{extra} is missing")
        with pytest.raises(ValueError, match="hf://me/model: hub is missing"):
            training.restore("hf://me/model")
    asked = []

    def snapshot_download(name):
        asked.append(name)
        if name != "me/model":
            raise OSError("no route to host\nmore")
        return str(folder[0])

    hub = types.ModuleType("huggingface_hub")
    monkeypatch.setattr(hub, "snapshot_download", snapshot_download, raising=False)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    monkeypatch.setattr(exported.extras, "missing", lambda extra: "")
    assert training.restore("hf://me/model")[2].method == "factor_vae"
    with pytest.raises(
        ValueError, match=r"cannot be downloaded: no route to host\. Check"
    ):
        training.restore("hf://you/model")
    assert asked == ["me/model", "you/model"]


def test_an_export_and_a_run_do_not_overwrite_each_other(tiny_config, tmp_path):
    run, clone, out = (tmp_path / name for name in ("run", "clone", "out"))
    for path in (run / "config.json", clone / "README.md"):
        path.parent.mkdir()
        path.write_text("mine")
        with pytest.raises(
            FileExistsError, match=f"contains {path.name}, which do not bel"
        ):
            training.export(run, path.parent)
        assert path.read_text() == "mine"
    out.mkdir()
    (out / exported.WEIGHTS).touch()
    (out / "config.json").touch()
    exported.check_free(out)  # an earlier export
    # its weights would be read in place of the checkpoints
    with pytest.raises(ValueError, match="exported model, which cannot be trained"):
        training.train(tiny_config("vae"), out)
