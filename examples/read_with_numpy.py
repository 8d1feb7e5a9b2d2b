"""Computes codes of an exported VAE with NumPy alone: no JAX, dis_jax or safetensors.

python examples/read_with_numpy.py weights/factor_vae_rendered_dsprites_seed0 images.npy
"""

import json
import pathlib
import sys

import numpy as np

OTHERS = ("qlae", "tripod", "infogan", "sdim", "edim")
ACTIVATIONS = {"relu": lambda x: np.maximum(x, 0), "tanh": np.tanh}


def read(path):
    """The arrays of a safetensors file by name."""
    blob = pathlib.Path(path).read_bytes()
    start = 8 + int.from_bytes(blob[:8], "little")
    header = json.loads(blob[8:start])
    about = {name: entry for name, entry in header.items() if name != "__metadata__"}
    types = {"F32": np.float32, "F16": np.float16}
    arrays = {}
    for name, entry in about.items():
        first, last = (start + offset for offset in entry["data_offsets"])
        flat = np.frombuffer(blob[first:last], types[entry["dtype"]])
        arrays[name] = flat.reshape(entry["shape"]).astype(np.float32)
    return arrays


def encode(folder, images):
    """Posterior means, (batch, latent), of images (batch, height, width, channels)."""
    config = json.loads(pathlib.Path(folder, "config.json").read_text())
    own = config["network"]["name"] not in ("conv", "mlp")
    if config["method"] in OTHERS or own:
        raise ValueError(f"{folder}: the code of {config['method']} is not a mean.")
    act = ACTIVATIONS[config["network"].get("activation", "relu")]
    w = read(pathlib.Path(folder, "model.safetensors"))
    layer = lambda name: (w[f"params.encoder.{name}.{k}"] for k in ("kernel", "bias"))
    count = lambda kind: sum(
        f"params.encoder.{kind}_{i}.kernel" in w for i in range(99)
    )
    x = np.asarray(images, np.float32)
    for i in range(count("Down")):  # 4x4 kernels, stride 2, padding 1
        kernel, bias = layer(f"Down_{i}")
        x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        x = np.lib.stride_tricks.sliding_window_view(x, (4, 4), (1, 2))[:, ::2, ::2]
        x = act(np.einsum("nhwcij,ijco->nhwo", x, kernel, optimize=True) + bias)
    x = x.reshape(len(x), -1)
    for name in [f"Dense_{i}" for i in range(count("Dense"))]:
        kernel, bias = layer(name)
        x = act(x @ kernel + bias)
    kernel, bias = layer("mean")
    # JointVAE's last outputs are the logits of its category.
    return (x @ kernel + bias)[:, : len(bias) - config.get("categories", 0)]


if __name__ == "__main__":
    print(encode(sys.argv[1], np.load(sys.argv[2])))
