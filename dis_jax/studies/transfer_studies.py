"""Shared parts of the transfer studies: sources, seeds, lengths, targets."""

from dis_jax.studies.fine_tuning import TransferSettings
from dis_jax.studies.transfer_study import TransferStudy
from dis_jax.training import load_config, words

METHODS = ("beta_vae", "ada_gvae", "group_vae")
NOTES = (
    "beta_vae receives the same images without the pairing (two per pair); ada_gvae "
    "infers the shared factors; group_vae receives the index of the changed factor. "
    "Sources: {pairs} pairs per step, Adam {rate:g}, gradient norm clipped to 1, beta "
    "increased over the first {warmup:,g} steps for pair-based methods (not on Shapes3D)."
)
WARMUP = 50_000  # of a full-length source; a shorter one has the same fraction
OPTIONS = ("gbt", "fresh")


def study(
    name, title, source, targets, argument="", *, betas=(1.0, 2.0), steps=400_000
):
    """A transfer study: sources of three methods on one set, and several targets.

    Args:
      name: of the study.
      title: above its tables.
      source: name of the set of the sources.
      targets: names of sets.
      argument: separated by commas. Plain numbers are the seeds, the steps on the source
        and the steps of fine-tuning (by default 10, `steps` and 50,000). "gbt" skips the
        MLP probe. "fresh" resets Adam for fine-tuning; by default it continues with the
        source's moments. Names of methods select sources, "beta4" their betas. "pairs32"
        sets the pairs per step (64 by default), "rate5e-4" Adam's learning rate on the
        source (1e-4). All other words are targets and replace the given ones.
      betas: of the sources.
      steps: on the source.
    """
    asked = words.read(
        argument,
        {"beta": betas, "pairs": 64, "rate": 1e-4},
        (*METHODS, *OPTIONS),
        bare=(int, int, int),
        datasets=True,
    )
    lengths = (10, steps, 50_000)
    seeds, source_steps, tuning = (*asked.bare, *lengths[len(asked.bare) :])
    betas, pairs, rate = asked.numbers.values()
    if not (seeds and source_steps and rate):
        raise ValueError(f"{argument}: seeds, steps and rate must be larger than 0.")
    methods = [word for word in asked.options if word in METHODS] or METHODS
    readers = ("gbt",) if "gbt" in asked.options else ("gbt", "mlp")
    adam = "fresh" if "fresh" in asked.options else "kept"
    targets = tuple(asked.names or targets)
    warmup = WARMUP * source_steps / steps

    rows = {
        f"{method}, beta {beta:g}": _config(
            method, source, beta, source_steps, pairs, rate, warmup
        )
        for method in methods
        for beta in betas
    }
    return TransferStudy(
        name=name,
        title=title,
        rows=rows,
        seeds=tuple(range(seeds)),
        targets=dict.fromkeys(rows, targets),
        settings=TransferSettings(finetune_steps=tuning, adam=adam, readers=readers),
        notes=NOTES.format(pairs=pairs, rate=rate, warmup=warmup),
    )


def _config(method, source, beta, steps, pairs, rate, warmup):
    config = load_config(f"{method}:{source}")
    config.hparams.beta = float(beta)
    config.hparams.clip_norm = 1.0
    config.hparams.learning_rate = rate
    config.batch_size = pairs * (2 if method == "beta_vae" else 1)
    if method != "beta_vae" and "shapes3d" not in source:
        config.hparams.warmup_steps = warmup
    config.steps = steps
    config.tensorboard = False
    config.keep_checkpoints = 1
    config.checkpoint_every = max(1, min(10_000, steps // 20))
    return config
