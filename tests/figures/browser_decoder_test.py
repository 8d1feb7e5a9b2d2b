import base64
import functools
import html
import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from dis_jax import figures, training
from dis_jax.data import from_arrays
from dis_jax.figures.browser_decoder import BrowserDecoder, browser_decoder, decode
from dis_jax.figures.explorer import Dimension, explorer_block
from dis_jax.figures.report_inputs import make_subject
from dis_jax.figures.traversal_sections import categories, traversal

CONV = {"name": "conv", "latent": 5, "widths": (6, 8), "hidden": 16, "form": "lax"}
MODELS = {
    "vae": {
        "image_shape": (28, 28, 3),
        "network": ConfigDict(CONV),
        "likelihood": "gaussian_pixel",
    },
    "ml_vae": {"image_shape": (12, 20, 3), "likelihood": "gaussian_pixel"},
    "joint_vae": {"image_shape": (8, 8, 1)},
}


@pytest.fixture(scope="module")
def subject(tiny_config, tmp_path_factory):
    """Returns a function that makes the subject of a small random high-contrast model."""

    @functools.cache
    def make(name):
        config = tiny_config(name)
        with config.unlocked():
            for field, value in {"dataset": "noise", **MODELS[name]}.items():
                config[field] = value
        method = training.make_method(config)
        images = np.random.default_rng(0).random((16, *config.image_shape), np.float32)
        state = jax.jit(method.init)(jax.random.key(0), {"image": images})
        rng = np.random.default_rng(1)
        noise = lambda p: 0.1 * rng.normal(size=p.shape).astype(np.float32)
        state.params["decoder"] = jax.tree.map(
            lambda p: 3 * np.asarray(p) + noise(p),  # biases too
            state.params["decoder"],
        )
        image_set = from_arrays(images, name="noise")
        folder = tmp_path_factory.mktemp("run")
        return make_subject(
            *(folder, method, state, config, image_set), member=0, num_examples=16
        )

    return make


def decoder_of(subject):
    found = browser_decoder(subject)
    assert isinstance(found, BrowserDecoder), found
    return found


def why_not(subject):
    found = browser_decoder(subject)
    assert isinstance(found, str)
    return found


def largest_error(subject, decoder):
    """The largest error in grey levels, on codes that the decoder was not checked with."""
    rng = np.random.default_rng(7)
    codes = {n: rng.normal(size=p.shape) for n, p in subject.points.items()}
    whole = np.concatenate([codes[n] for n in decoder.codes], axis=1).astype(np.float32)
    wanted = subject.decode(codes)
    assert wanted.std() > 0.05  # 13 grey levels: an empty image is not enough
    found = decode(decoder.layers, whole).reshape(wanted.shape)
    return 255 * np.abs(found - wanted).max()


@pytest.mark.parametrize("name", MODELS)
def test_layers_give_the_images_of_the_model(subject, name):
    decoder = decoder_of(subject(name))
    assert decoder.error < 1
    assert largest_error(subject(name), decoder) < 1


def test_weights_are_float16_in_the_order_of_the_layers(subject):
    decoder = decoder_of(subject("vae"))
    numbers = np.frombuffer(base64.b64decode(decoder.weights), "<f2")
    first, *_, last = decoder.layers
    np.testing.assert_array_equal(numbers[: first.kernel.size], first.kernel.ravel())
    np.testing.assert_array_equal(numbers[-last.bias.size :], last.bias)
    assert [layer["kind"] for layer in decoder.description] == ["dense"] * 2 + [
        "up"
    ] * 2
    assert [layer["size"] for layer in decoder.description] == [0, 0, 7, 14]


def test_dimensions_of_a_vector_move_and_hold_the_entropy_of_their_values(
    tmp_path, method, state, config, blobs
):
    """The code has two values in one dimension and one in the others."""

    def encode(state, batch):
        mean, _ = method.encode(state, batch)["z"]
        return {"z": jnp.zeros_like(mean).at[:, 0].set(jnp.sign(mean[:, 0]))}

    quantised = method._replace(encode=encode)
    own = make_subject(
        tmp_path, quantised, state, config, blobs, member=0, num_examples=64
    )
    share = (own.points["z"][:, 0] > 0).mean()
    assert 0 < share < 1
    entropy = -share * np.log(share) - (1 - share) * np.log1p(-share)
    np.testing.assert_allclose(
        own.nats("z"), [entropy, 0, 0, 0, 0][: len(own.nats("z"))]
    )
    made = traversal(own)
    assert f"{entropy:.2f} nats" in made.body
    assert sorted(made.files) == ["traversals_z.gif", "traversals_z.png"]


def test_other_decoders_keep_their_strips(
    subject, tmp_path, method, state, config, blobs
):
    own = make_subject(
        tmp_path, method, state, config, blobs, member=0, num_examples=16
    )
    assert "convolutional or dense ones" in why_not(own)
    assert 'class="traversal"' in traversal(own).body
    assert "this page cannot run the decoder: the networks" in traversal(own).body
    made = subject("vae")
    bright = made._replace(decode=lambda codes: np.sqrt(made.decode(codes)))
    assert "pixels on the page would differ by up to" in why_not(bright)
    told = made.codes | {"label": np.zeros((16, 3))}
    assert "neither a Gaussian" in why_not(made._replace(codes=told))
    assert "likelihood logistic_mixture" in with_config(
        made, likelihood="logistic_mixture"
    )
    dense = subject("joint_vae")
    network = ConfigDict({"name": "mlp", "activation": "elu"})
    assert "activation elu" in with_config(dense, network=network)
    wide = np.zeros((3, 400_000), np.float32)
    assert "would take 3.2 MB" in with_kernel(dense, wide)
    assert "range of float16" in with_kernel(dense, np.full((3, 8), 1e9, np.float32))
    assert "other than the codes" in with_kernel(dense, np.zeros((4, 8), np.float32))


def with_config(subject, **settings):
    config = subject.config.copy_and_resolve_references()
    with config.unlocked():
        for field, value in settings.items():
            config[field] = value
    return why_not(subject._replace(config=config))


def with_kernel(subject, kernel):
    """`why_not` of the model with another kernel in its first layer."""
    params = subject.state.params["decoder"]
    params = params | {"Dense_0": params["Dense_0"] | {"kernel": kernel}}
    state = subject.state._replace(params={"decoder": params})
    return why_not(subject._replace(state=state))


def test_codes_that_do_not_fit_are_refused(subject):
    made = subject("vae")
    dims = [Dimension("z", "z0", 1.0, -1.0, 1.0)]
    with pytest.raises(
        ValueError, match=r"codes has shape \(2, 5\); expected \(2, 1\)"
    ):
        explorer_block(
            decoder_of(made),
            np.zeros((2, 28, 28, 3), np.uint8),
            np.zeros((2, 5)),
            dims,
        )


PROBE = """
<script>
setTimeout(async () => {
  const rest = () => new Promise((done) => setTimeout(done, 1500));
  const block = document.querySelector(".explorer"), find = (s) => block.querySelector(s);
  const about = JSON.parse(block.dataset.about), found = {};
  const pixels = (c) => [...c.getContext("2d").getImageData(0, 0, c.width, c.height).data]
    .filter((_, i) => i % 4 !== 3);
  const image = () => pixels(find(".image"));
  const code = () => find("textarea").value.split(",").map(Number);
  const say = (element, kind) => element.dispatchEvent(new Event(kind));
  const write = (text) => {
    find("textarea").value = text;
    say(find("textarea"), "input");
  };
  found.halves = [...readHalves(HALVES)];
  const halves = readHalves(CHECKED.weights);
  const checked = makeDecoder(CHECKED.layers, halves);
  found.dense = CHECKED.codes.map((own) => [...checked(own)]);
  found.images = CODES.map((own) => {
    write(`array(${JSON.stringify(own)}, dtype=float32)`);
    return image();
  });
  write(JSON.stringify(CODES));
  found.pasted = block.querySelectorAll(".pasted button").length;
  block.querySelectorAll(".pasted button")[1].click();
  found.second = image();
  write("1 2 3");
  found.refused = find("[role=status]").textContent;
  find(".random").click();
  found.random = [code(), image()];
  block.querySelectorAll("input[name=explorer-base]")[3].click();
  found.base = [code(), image()];
  const sliders = block.querySelectorAll(".dim input");
  for (const slider of sliders) { slider.value = slider.min; say(slider, "input"); }
  found.together = [code(), image(), [...sliders].map((s) => Number(s.min))];
  await rest();
  found.strips = [...block.querySelectorAll(".strip canvas")]
    .filter((c) => c.offsetParent).map((c) => pixels(c).some((p) => p > 0));
  find(".walk").open = find(".paste").open = true;
  find(".share").value = 100;
  say(find(".share"), "input");
  found.walked = code();
  find(".play").click();
  await rest();
  found.played = code().some((v, i) => v !== found.walked[i]);
  find(".reset").click();
  found.reset = code();
  found.stopped = find(".play").textContent;
  found.width = [document.documentElement.scrollWidth, innerWidth];
  document.title = JSON.stringify(found);
}, 300);
</script>
"""


@pytest.mark.slow
def test_the_page_decodes_as_the_model_does(subject, tmp_path, browser):
    made, other = subject("vae"), subject("joint_vae")
    rng = np.random.default_rng(1)
    codes = rng.normal(size=(6, 5)).round(4)
    dense = decoder_of(other)
    widths = {name: p.shape[1] for name, p in other.points.items()}
    given = {name: rng.normal(size=(3, width)) for name, width in widths.items()}
    checked = {
        "layers": dense.description,
        "weights": dense.weights,
        "codes": np.concatenate([given[n] for n in dense.codes], axis=1).tolist(),
    }
    page = figures.write_report(
        *(tmp_path, made.method, made.state, made.config, made.image_set),
        num_examples=16,
        sections=[traversal, categories],
    )
    assert page.stat().st_size < 4e6
    probe = tmp_path / "probe.html"
    halves = np.arange(2**16, dtype="<u2")[:: 2**5 - 1].view("<f2")
    halves = halves[np.isfinite(halves)]
    values = (
        f"const CODES = {codes.tolist()}, CHECKED = {json.dumps(checked)}, "
        f"HALVES = '{base64.b64encode(halves.tobytes()).decode()}';"
    )
    probe.write_text(page.read_text() + PROBE.replace("<script>", f"<script>{values}"))
    title = re.search(r"<title>(.*?)</title>", browser(probe)).group(1)
    found = json.loads(html.unescape(title))

    np.testing.assert_array_equal(np.float32(found["halves"]), np.float32(halves))
    wanted = 255 * made.decode({"z": codes})
    shown = np.reshape(found["images"], wanted.shape)
    assert wanted.std() > 13
    assert np.abs(shown - wanted).max() <= 2
    both = np.reshape(found["dense"], (3, 8, 8, 1)) - other.decode(given)
    assert 255 * np.abs(both).max() <= 2
    assert found["pasted"] == 6
    assert found["second"] == found["images"][1]
    assert found["refused"] == "Found 3 numbers; a code has 5: z0, z1, z2, z3, z4."
    for drawn, image in (found["random"], found["base"], found["together"][:2]):
        expected = 255 * made.decode({"z": np.array([drawn])})
        assert np.abs(np.reshape(image, expected.shape) - expected).max() <= 2
    own = made.points["z"]
    np.testing.assert_allclose(found["base"][0], own[3], atol=1e-4)
    # the sliders of the page are sorted by KL
    np.testing.assert_allclose(
        sorted(found["together"][0]), sorted(found["together"][2]), atol=1e-4
    )
    assert found["strips"]
    assert all(found["strips"])
    np.testing.assert_allclose(found["walked"], own[1], atol=1e-4)
    assert found["played"]
    np.testing.assert_allclose(found["reset"], own[3], atol=1e-4)
    assert found["stopped"] == "Play"
    assert found["width"][0] <= found["width"][1]  # nothing scrolls sideways
