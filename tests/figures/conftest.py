"""A method without training that encodes and renders the place and size of blobs."""

import json
import shutil
import subprocess

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from dis_jax.data import ImageSet
from dis_jax.data.image_set import factors_of_index
from dis_jax.methods import Categorical, Gaussian, Method, State

SIZES = (4, 8, 8)
LATENT = 5  # size, x, y, and two that are not used


def draw_blobs(z):
    """Discs of radius .3 exp(.3 z0) around (.4 z1, .4 z2), 16x16 pixels in [0, 1]."""
    grid = jnp.linspace(-1, 1, 16)
    distance = jnp.hypot(
        grid - 0.4 * z[:, 1, None, None], grid[:, None] - 0.4 * z[:, 2, None, None]
    )
    radius = 0.3 * jnp.exp(0.3 * z[:, 0, None, None])
    return jax.nn.sigmoid(12 * (radius - distance))[..., None]


def latents_of_factors(factors):
    centred = factors / (jnp.asarray(SIZES) - 1) * 3.4 - 1.7
    return jnp.concatenate([centred, jnp.zeros((len(factors), LATENT - 3))], axis=1)


def read_blobs(images):
    """Mean and log-variance of the latents, from moments of blobs; two are the prior."""
    weights = images[..., 0] / images.sum(axis=(1, 2))[..., None]
    grid = jnp.linspace(-1, 1, 16)
    x = (weights * grid).sum(axis=(1, 2)) / 0.4
    y = (weights * grid[:, None]).sum(axis=(1, 2)) / 0.4
    area = images.sum(axis=(1, 2, 3)) / 64  # of the square of side 2
    size = jnp.log(jnp.sqrt(area / jnp.pi) / 0.3) / 0.3
    unused = jnp.zeros_like(x)
    mean = jnp.stack([size, x, y, unused, unused], axis=1)
    logvar = jnp.tile(jnp.array([-3.0, -5.0, -4.0, 0.0, 0.0]), (len(images), 1))
    return mean, logvar


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Returns the DOM of a page in Chromium, after 20 s of virtual time for its scripts."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium to open pages in")
    profile = tmp_path_factory.mktemp("profile")

    def open_page(page):
        done = subprocess.run(
            [
                *(chromium, "--headless", "--no-sandbox", "--disable-gpu"),
                *("--no-first-run", "--disable-background-networking"),
                *("--disable-component-update", "--disable-sync"),
                *(f"--user-data-dir={profile}", "--virtual-time-budget=20000"),
                *("--dump-dom", page.as_uri()),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        assert "</html>" in done.stdout
        return done.stdout

    return open_page


@pytest.fixture(scope="session")
def blobs():
    """A full grid of blobs."""
    draw = lambda _, factors: draw_blobs(latents_of_factors(factors))
    factors_of = lambda index: factors_of_index(index, SIZES)
    return ImageSet(
        arrays={},
        name="blobs",
        factor_names=("size", "x", "y"),
        sizes=SIZES,
        image_shape=(16, 16, 1),
        num_images=256,
        take_fn=lambda arrays, i: (draw(arrays, factors_of(i)), factors_of(i)),
        images_fn=draw,
    )


@pytest.fixture(scope="session")
def encode():
    return jax.jit(read_blobs)


@pytest.fixture(scope="session")
def decode():
    return jax.jit(draw_blobs)


@pytest.fixture(scope="session")
def method():
    """Encodes and renders blobs; the state shifts codes by `shift` before rendering."""
    return Method(
        batch="images",
        init=lambda key, batch: make_state(),
        update=lambda state, batch: (state, ()),
        encode=lambda state, batch: {"z": Gaussian(*read_blobs(batch["image"]))},
        decode=lambda state, codes: draw_blobs(codes["z"] + state.params["shift"]),
        code="z",
    )


@pytest.fixture(scope="session")
def categorical_method(method):
    """As `method`, with a category that inverts the colours."""

    def encode(state, batch):
        logits = jnp.tile(jnp.array([4.0, -4.0]), (len(batch["image"]), 1))
        return method.encode(state, batch) | {"category": Categorical(logits)}

    def decode(state, codes):
        images = method.decode(state, codes)
        turned = codes["category"][:, 1, None, None, None]
        return images * (1 - turned) + (1 - images) * turned

    return method._replace(encode=encode, decode=decode)


def make_state(shift=0.0, step=3000):
    return State(
        step=jnp.asarray(step),
        key=jax.random.key(0),
        params={"shift": jnp.asarray(shift)},
        stats={},
        opt_state={},
        hparams={"beta": jnp.asarray(4.0)},
    )


@pytest.fixture(scope="session")
def state():
    return make_state()


@pytest.fixture(scope="session")
def population():
    """Three members; the second renders one unit larger and farther down and right."""
    members = [make_state(0.0), make_state(1.0), make_state(0.0)]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)


@pytest.fixture(scope="session")
def run_folder():
    """Returns a function that fills a folder with the files of a run."""
    return fill_folder


def fill_folder(folder):
    """Writes a log of three quantities and one evaluation; returns the folder."""
    steps = np.arange(100, 3001, 100)
    with (folder / "metrics.jsonl").open("w") as log:
        for step in steps.tolist():
            record = {
                "step": step,
                "time": step / 50,
                "steps_per_second": 50.0,
                "loss": 700 * np.exp(-step / 200) + 20,
                "kl": 8 - 8 * np.exp(-step / 900),
                "<b>odd & name": float(step % 3),
            }
            log.write(json.dumps(record) + "\n")
    evaluation = {
        "format": "dis_jax.evaluation",
        "version": 1,
        "date": "2026-01-02T03:04:05+00:00",
        "metrics": {
            "mig": {
                "result": {
                    "score": 0.4321,
                    "per_factor": [0.5, 0.75, 0.0463],
                    "mutual_information": np.eye(LATENT, 3).tolist(),
                },
                "settings": {"bins": 20},
                "seconds": 0.1,
            },
        },
        "left_out": {"factor_vae_score": "needs a full factor grid"},
        "factor_names": ["size", "x", "y"],
        "num_latents": LATENT,
        "num_codes": 10000,
        "num_test": 5000,
        "source": {"step": 3000, "member": None, "code": None},
    }
    (folder / "evaluation").mkdir()
    (folder / "evaluation" / "final.json").write_text(json.dumps(evaluation))
    return folder


@pytest.fixture(scope="session")
def config():
    return ConfigDict(
        {
            "method": "beta_vae",
            "dataset": "blobs",
            "seed": 0,
            "steps": 3000,
            "batch_size": 64,
            "init_from": None,
            "comment": '<script>alert("x")</script> & more',
            "network": {"name": "conv", "latent": 5, "widths": [32, 32, 64, 64]},
            "hparams": {"beta": 4.0, "learning_rate": 1e-4},
            "population": {"seed": (), "beta": (), "learning_rate": ()},
        }
    )
