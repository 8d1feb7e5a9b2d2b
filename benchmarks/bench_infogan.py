r"""Compares the speed of InfoGAN on MNIST with plain PyTorch, alternately on one core.

  python -m benchmarks.bench_infogan --result=results/bench_infogan.json

The model is configs/elastic_infogan.py:mnist,split0,gumbel,as_coded, which learns its
prior; data are sampled as in a real run. The PyTorch program is eager, in float32, and
computes only the gradients that the step needs. Times are milliseconds of CPU time, which
does not include other processes, and of wall time. Freed memory is kept, as in a real run.
Needs MNIST in $DIS_JAX_DATA_DIR and PyTorch (extra `dev`).
"""

from absl import flags

from benchmarks import beside_torch
from launch import start

_RESULT = flags.DEFINE_string(
    "result", None, "JSON file; by default the result is only printed."
)
_ROUNDS = flags.DEFINE_integer("rounds", 3, "Timed rounds of both programs.")
_STEPS = flags.DEFINE_integer("steps", 10, "Steps per round.")
_CONFIG = "mnist,split0,gumbel,as_coded"


def ours(config):
    """Returns a function that makes n steps with dis_jax."""
    import jax

    from dis_jax import training
    from dis_jax.training import program

    run = training.set_up(config)
    steps = training.compile_program(run.method, run.sampler, run.image_set, run.mesh)
    state = program.init(
        run.method, run.sampler, run.image_set, run.members, population=False
    )
    carry = [steps.load(state)]

    def make(n):
        for _ in range(n):
            carry[0], _ = steps.run(carry[0], 1)
        jax.block_until_ready(carry[0].state)

    return make


def pytorch(config):
    """Returns the same function in plain PyTorch."""
    import numpy as np
    import torch  # pyright: ignore[reportMissingImports]
    from torch.nn import functional as F  # pyright: ignore[reportMissingImports]

    from dis_jax import data

    torch.set_num_threads(1)
    mnist = data.load("mnist", split="all")
    index = data.class_subset(mnist, config.sampler.class_counts)
    images = torch.tensor(np.asarray(mnist.take(index)[0])).permute(0, 3, 1, 2)
    generator, trunk, critic, reader = _networks(torch.nn)
    theta = torch.zeros(10, requires_grad=True)
    shared = [*trunk.parameters(), *critic.parameters()]
    options = {"lr": 2e-4, "betas": (0.5, 0.999)}
    adam_critic = torch.optim.Adam(shared, **options)
    made_by = [*generator.parameters(), *reader.parameters(), theta]
    adam_maker = torch.optim.Adam(made_by, **options)
    size, tau = config.batch_size, config.hparams.temperature

    def judged(features, real):
        logits = critic(features)
        target = torch.full_like(logits, float(real))
        return F.binary_cross_entropy_with_logits(logits, target)

    def step():
        x = 2 * images[torch.randint(len(images), (size,))] - 1
        gumbel = -torch.rand(size, 10).log().neg().log()
        code = F.softmax((theta.log_softmax(0) + gumbel) / tau, 1)
        fake = generator(torch.cat([torch.randn(size, 62), code], 1))

        adam_critic.zero_grad()
        loss = judged(trunk(x), real=True) + judged(trunk(fake.detach()), real=False)
        loss.backward()
        adam_critic.step()

        for parameter in shared:
            parameter.requires_grad_(False)
        adam_maker.zero_grad()
        features = trunk(fake)
        loss = judged(features, real=True)
        loss = loss + F.cross_entropy(reader(features), code.argmax(1))
        loss.backward()
        adam_maker.step()
        for parameter in shared:
            parameter.requires_grad_(True)

    def make(n):
        for _ in range(n):
            step()

    return make


def _networks(nn):
    def normed(layer, width, activation, norm=nn.BatchNorm1d):
        return [layer, norm(width), activation]

    def leaky():
        return nn.LeakyReLU(0.2)

    plane = nn.BatchNorm2d
    generator = nn.Sequential(
        *normed(nn.Linear(72, 1024, bias=False), 1024, nn.ReLU()),
        *normed(nn.Linear(1024, 6272, bias=False), 6272, nn.ReLU()),
        nn.Unflatten(1, (128, 7, 7)),
        *normed(nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False), 64, nn.ReLU(), plane),
        nn.ConvTranspose2d(64, 1, 4, 2, 1),
        nn.Tanh(),
    )
    trunk = nn.Sequential(
        *(nn.Conv2d(1, 64, 4, 2, 1), leaky()),
        *normed(nn.Conv2d(64, 128, 4, 2, 1, bias=False), 128, leaky(), plane),
        nn.Flatten(),
        *normed(nn.Linear(6272, 1024, bias=False), 1024, leaky()),
    )
    reader = nn.Sequential(
        *normed(nn.Linear(1024, 128, bias=False), 128, leaky()), nn.Linear(128, 10)
    )
    return generator, trunk, nn.Linear(1024, 1), reader


def main(_):
    beside_torch.one_core()
    from configs import elastic_infogan

    config = elastic_infogan.get_config(_CONFIG)
    programs = {"dis_jax": ours(config), "pytorch": pytorch(config)}
    result = beside_torch.compare(
        programs, steps=_STEPS.value, rounds=_ROUNDS.value, warm_up=2
    )
    beside_torch.write(result | {"config": _CONFIG}, _RESULT.value)


if __name__ == "__main__":
    start.run(main)
