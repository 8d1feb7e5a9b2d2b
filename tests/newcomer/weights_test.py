"""The models in weights/ match their cards, and are small."""

import importlib.util
import pathlib

import jax
import numpy as np
import pytest

from dis_jax import data, evaluation, training
from dis_jax.methods import point

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = sorted(p.parent for p in (ROOT / "weights").glob("*/model.safetensors"))
pytest.importorskip("safetensors")


def numpy_reader():
    path = ROOT / "examples" / "read_with_numpy.py"
    spec = importlib.util.spec_from_file_location("reader", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_model_restores_reads_alike_and_reconstructs(folder):
    method, state, config = training.restore(folder)
    card = (folder / "README.md").read_text()
    assert f"Trained for {int(state.step):,} steps" in card
    assert f"# {config.method} on {config.dataset}" in card
    image_set = data.load(config.dataset)
    index = np.random.default_rng(0).choice(image_set.num_images, 64, replace=False)
    images = np.asarray(jax.jit(data.ImageSet.take)(image_set, index)[0])
    codes = evaluation.encode_codes(method, state, images)
    read = numpy_reader().encode(folder, images)
    mean = np.asarray(evaluation.code_fn(method, state)(images))
    np.testing.assert_allclose(read, mean, atol=1e-4)
    points = {name: point(code) for name, code in codes.items()}
    decoded = np.asarray(jax.jit(method.decode)(state, points))
    error = ((decoded - images) ** 2).mean()
    assert error < 0.6 * ((images - images.mean(axis=0)) ** 2).mean()


def test_twelve_models_of_six_methods_are_small():
    cards = [(folder / "README.md").read_text() for folder in FOLDERS]
    assert len(cards) >= 12
    assert all("| mig | score | 0." in card for card in cards)
    methods = {folder.name.partition("_rendered")[0] for folder in FOLDERS}
    assert len(methods) >= 6
    files = (ROOT / "weights").rglob("*")
    assert sum(path.stat().st_size for path in files if path.is_file()) < 40e6
