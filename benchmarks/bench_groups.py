r"""Compares the speed of ML-VAE on MNIST with plain PyTorch, alternately on one core.

  python -m benchmarks.bench_groups --result=results/bench_ml_vae.json

Networks, batch and Adam are those of configs/ml_vae.py:mnist; data are sampled as in a real
run. The PyTorch program is eager, in float32, without a loop over groups. Times are
milliseconds of CPU time, which does not include other processes, and of wall time. Freed
memory is kept, as in a real run. Needs MNIST in $DIS_JAX_DATA_DIR, and PyTorch (extra
`dev`).
"""

from absl import flags

from benchmarks import beside_torch
from launch import start

_RESULT = flags.DEFINE_string(
    "result", None, "JSON file; by default the result is only printed."
)
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Timed rounds of both programs.")
_STEPS = flags.DEFINE_integer("steps", 117, "Steps per round; 117 are half an epoch.")


def ours(config):
    """Returns a function that makes n steps with dis_jax and returns the last loss."""
    import jax

    from dis_jax import training
    from dis_jax.training import program

    run = training.set_up(config)
    steps = training.compile_program(
        run.method, run.sampler, run.image_set, run.mesh, unroll=False
    )
    state = program.init(
        run.method, run.sampler, run.image_set, run.members, population=False
    )
    carry = [steps.load(state)]

    def make(n):
        carry[0], metrics = steps.run(carry[0], n)
        return float(jax.block_until_ready(metrics).loss[-1])

    return make


def pytorch(config):
    """Returns the same function in plain PyTorch."""
    import jax.numpy as jnp
    import numpy as np
    import torch  # pyright: ignore[reportMissingImports]

    from dis_jax import data

    torch.set_num_threads(1)
    mnist = data.load("mnist", split="train")
    images, factors = mnist.take(jnp.arange(mnist.num_images))
    images = torch.tensor(np.asarray(images)).flatten(1)
    labels = torch.tensor(np.asarray(factors[:, 0])).long()
    size, style = config.batch_size, config.network.latent - config.class_latent
    encoder, heads, decoder = _networks(torch.nn, style, config.class_latent)
    parts = torch.nn.ModuleList([encoder, heads, decoder])
    adam = torch.optim.Adam(parts.parameters(), config.hparams.learning_rate)

    def step(index):
        x, label = images[index], labels[index]
        mean, logvar = heads(torch.tanh(encoder(x))).chunk(2, 1)
        precision = (-logvar[:, style:]).exp()
        total = torch.zeros(10, precision.shape[1]).index_add_(0, label, precision)
        weighted = torch.zeros_like(total).index_add_(
            0, label, precision * mean[:, style:]
        )
        there = torch.bincount(label, minlength=10) > 0
        group_mean, group_logvar = (weighted / total)[there], -total[there].log()
        place = there.long().cumsum(0)[label] - 1
        noise = torch.randn_like(group_mean)
        own = group_mean + (group_logvar / 2).exp() * noise
        s_mean, s_logvar = mean[:, :style], logvar[:, :style]
        s = s_mean + (s_logvar / 2).exp() * torch.randn_like(s_mean)
        logits = decoder(torch.cat([s, own[place]], 1))
        nll = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, x, reduction="sum"
        )
        loss = (nll + _kl(s_mean, s_logvar) + _kl(group_mean, group_logvar)) / len(own)
        adam.zero_grad()
        loss.backward()
        adam.step()
        return loss.detach()

    def make(n):
        order = torch.randperm(len(images))
        return float([step(order[i * size : (i + 1) * size]) for i in range(n)][-1])

    return make


def _networks(nn, style, own):
    latent = style + own
    encoder, heads = nn.Linear(784, 500), nn.Linear(500, 2 * latent)
    return (
        encoder,
        heads,
        nn.Sequential(nn.Linear(latent, 500), nn.Tanh(), nn.Linear(500, 784)),
    )


def _kl(mean, logvar):
    return 0.5 * (mean**2 + logvar.exp() - logvar - 1).sum()


def main(_):
    beside_torch.one_core()
    from configs import ml_vae

    config = ml_vae.get_config("mnist")
    programs = {"dis_jax": ours(config), "pytorch": pytorch(config)}
    result = beside_torch.compare(programs, steps=_STEPS.value, rounds=_ROUNDS.value)
    beside_torch.write(result, _RESULT.value)


if __name__ == "__main__":
    start.run(main)
