"""The encoder of an exported VAE as a PyTorch module: no JAX, no dis_jax.

python examples/read_with_torch.py weights/factor_vae_rendered_dsprites_seed0 images.npy
"""

import json
import pathlib
import sys

import numpy as np
import torch
from safetensors.torch import load_file
from torch.nn import functional

OTHERS = ("qlae", "tripod", "infogan", "sdim", "edim")


class Encoder(torch.nn.Module):
    """Posterior means, (batch, latent), of images (batch, channels, height, width)."""

    def __init__(self, folder):
        super().__init__()
        config = json.loads(pathlib.Path(folder, "config.json").read_text())
        own = config["network"]["name"] not in ("conv", "mlp")
        if config["method"] in OTHERS or own:
            raise ValueError(f"{folder}: the code of {config['method']} is not a mean.")
        self.act = getattr(torch, config["network"].get("activation", "relu"))
        self.categories = config.get("categories", 0)
        self.names = []
        for name, value in load_file(pathlib.Path(folder, "model.safetensors")).items():
            if name.startswith("params.encoder.") and ".logvar." not in name:
                if value.ndim == 4:
                    # (height, width, in, out) -> (out, in, height, width)
                    value = value.permute(3, 2, 0, 1).contiguous()
                name = name.removeprefix("params.encoder.").replace(".", "_")
                self.register_parameter(name, torch.nn.Parameter(value.float()))
                self.names.append(name.rpartition("_")[0])

    def forward(self, x):
        layer = lambda name: (getattr(self, f"{name}_{k}") for k in ("kernel", "bias"))
        ordered = sorted({*self.names}, key=lambda n: (len(n), n))
        for name in [n for n in ordered if n.startswith("Down")]:
            x = self.act(functional.conv2d(x, *layer(name), stride=2, padding=1))
        # The dense layers were trained on features with the channels last.
        x = x.permute(0, 2, 3, 1).flatten(1)
        for name in [n for n in ordered if n.startswith("Dense")]:
            kernel, bias = layer(name)
            x = self.act(x @ kernel + bias)
        kernel, bias = layer("mean")
        # JointVAE's last outputs are the logits of its category.
        return (x @ kernel + bias)[:, : len(bias) - self.categories]


if __name__ == "__main__":
    images = torch.tensor(np.load(sys.argv[2])).permute(0, 3, 1, 2)
    print(Encoder(sys.argv[1]).eval()(images).detach().numpy())
