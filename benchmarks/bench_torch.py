r"""Times the same training step in plain PyTorch, for comparison in `benchmarks.bench`.

  python -m benchmarks.bench_torch --method=factor_vae --threads=1

Networks, batch and optimisers are those of configs/factor_vae.py, in float32; --compile
and --channels_last are PyTorch's own speed options. Freed memory is kept, as in our own
runs. Prints one JSON line; if PyTorch cannot compile, it contains the reason ("skipped").
"""

import itertools
import json
import time
from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from absl import app, flags
from torch import nn  # pyright: ignore[reportMissingImports]
from torch.nn import functional as F  # pyright: ignore[reportMissingImports]

from dis_jax import memory

_METHOD = flags.DEFINE_enum(
    "method", "factor_vae", ["factor_vae", "beta_vae"], "The method."
)
_THREADS = flags.DEFINE_integer("threads", 1, "Threads on a CPU.")
_COMPILE = flags.DEFINE_boolean("compile", False, "Use torch.compile, not eager.")
_CHANNELS_LAST = flags.DEFINE_boolean(
    "channels_last", False, "Use the channels-last layout of images."
)
_STEPS = flags.DEFINE_integer(
    "steps", 30, "Number of timed steps, repeated three times."
)
_BATCH = 64


def _strided(layer, sizes):
    pairs = [[layer(a, b, 4, 2, 1), nn.ReLU()] for a, b in itertools.pairwise(sizes)]
    return [part for pair in pairs for part in pair]


def _networks():
    encoder = _strided(nn.Conv2d, (1, 32, 32, 64, 64))
    encoder += [nn.Flatten(), nn.Linear(1024, 256), nn.ReLU(), nn.Linear(256, 20)]
    decoder = [nn.Linear(10, 256), nn.ReLU(), nn.Linear(256, 1024), nn.ReLU()]
    decoder += [nn.Unflatten(1, (64, 4, 4))]
    decoder += _strided(nn.ConvTranspose2d, (64, 64, 32, 32, 1))[:-1]
    critic = [nn.Linear(10, 1000), nn.LeakyReLU(0.2)]
    for _ in range(5):
        critic += [nn.Linear(1000, 1000), nn.LeakyReLU(0.2)]
    critic += [nn.Linear(1000, 2)]
    return [nn.Sequential(*layers) for layers in (encoder, decoder, critic)]


def _step(nets, optimisers, x, x2, factor):
    encoder, decoder, critic = nets

    def sample(x):
        mean, logvar = encoder(x).chunk(2, 1)
        return mean, logvar, mean + torch.randn_like(mean) * (logvar / 2).exp()

    mean, logvar, z = sample(x)
    nll = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum") / _BATCH
    kl = 0.5 * (mean**2 + logvar.exp() - logvar - 1).sum(1).mean()
    penalty = 4.0 * kl
    if factor:
        logits = critic(z)
        penalty = kl + 35.0 * (logits[:, 0] - logits[:, 1]).mean()
    optimisers[0].zero_grad()
    (nll + penalty).backward()
    optimisers[0].step()
    if not factor:
        return
    with torch.no_grad():
        z2 = sample(x2)[2]
        z2 = torch.stack([column[torch.randperm(_BATCH)] for column in z2.T], 1)
    joint, permuted = critic(z.detach()), critic(z2)
    zeros = torch.zeros(_BATCH, dtype=torch.long, device=x.device)
    loss = 0.5 * (F.cross_entropy(joint, zeros) + F.cross_entropy(permuted, zeros + 1))
    optimisers[1].zero_grad()
    loss.backward()
    optimisers[1].step()


def main(_):
    memory.keep()
    torch.set_num_threads(_THREADS.value)
    cuda = torch.cuda.is_available()
    device = "cuda" if cuda else "cpu"
    nets: list[Any] = [net.to(device) for net in _networks()]
    both = [*nets[0].parameters(), *nets[1].parameters()]
    optimisers = [
        torch.optim.Adam(both, 1e-4),
        torch.optim.Adam(nets[2].parameters(), 1e-4, betas=(0.5, 0.9)),
    ]
    x, x2 = ((torch.rand(_BATCH, 1, 64, 64, device=device) > 0.9).float() for _ in "ab")
    if _CHANNELS_LAST.value:
        nets = [net.to(memory_format=torch.channels_last) for net in nets]
        x, x2 = (image.to(memory_format=torch.channels_last) for image in (x, x2))
    run = torch.compile(_step) if _COMPILE.value else _step
    step = lambda: run(nets, optimisers, x, x2, _METHOD.value == "factor_vae")
    found = {"torch": torch.__version__}
    try:
        step()
    except RuntimeError as error:
        if not _COMPILE.value:
            raise
        print(json.dumps({"skipped": " ".join(str(error).split())[:200]} | found))
        return
    times = []
    for repeat in range(4):
        began = time.perf_counter()
        for _ in range(_STEPS.value if repeat else 4):  # the first is a warm-up
            step()
        if cuda:
            torch.cuda.synchronize()
        times.append((time.perf_counter() - began) / _STEPS.value)
    print(json.dumps({"ms_per_step": 1e3 * min(times[1:])} | found))


if __name__ == "__main__":
    app.run(main)
