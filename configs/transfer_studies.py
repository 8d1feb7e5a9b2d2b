"""What the studies of transfer have in common: sources, seeds, lengths, targets."""

import re

from configs import ada_gvae, beta_vae, group_vae
from dis_jax import data, studies
from dis_jax.suggest import suggest

METHODS = ("beta_vae", "ada_gvae", "group_vae")
NOTES = (
    "beta_vae sees images, two for each pair that the others see; ada_gvae finds out by "
    "itself what a pair shares; group_vae is told which factor was redrawn. Sources: "
    "{pairs} pairs a step, Adam {rate:g}, gradient norm clipped to 1, beta grown over the "
    "first {warmup:,g} steps where pairs are learned from (not on Shapes3D)."
)
SETTING = re.compile(r"(beta|rate|pairs(?=\d+$))(\d+(?:\.\d+)?(?:e-?\d+)?)")
WARMUP = 50_000  # of all the steps of a source; of fewer, the same part
WORDS = ("gbt", "fresh")


def study(
    name, title, source, targets, argument="", *, betas=(1.0, 2.0), steps=400_000
):
    """Sources of three methods on one set, carried to several others.

    Args:
      name: of the study.
      title: above its tables.
      source: name of the set of the sources.
      targets: names of sets.
      argument: words with commas between them: numbers are seeds, steps on the source and
        steps of fine-tuning (10, `steps` and 50,000 by default); "gbt" leaves out the
        network that reads factors off codes; "fresh" starts Adam anew for fine-tuning,
        which goes on with the source's by default; names of methods choose among the
        sources, "beta4" and the like their betas; "pairs32" is the pairs a step (64 by
        default), "rate5e-4" Adam's rate on the source (1e-4); all other words are
        targets, in place of those given.
      betas: of the sources.
      steps: on the source.
    """
    words = [word for word in argument.split(",") if word]
    numbers = [int(word) for word in words if word.isdigit()]
    if len(numbers) > 3 or 0 in numbers[:2]:
        raise ValueError(
            f"the numbers are {', '.join(map(str, numbers))}; expected three at most: "
            "seeds and steps on the source, both from 1, and steps of fine-tuning."
        )
    seeds, source_steps, tuning = [*numbers, *(10, steps, 50_000)[len(numbers) :]]
    words = [word for word in words if not word.isdigit()]
    methods = [word for word in words if word in METHODS] or METHODS
    chosen = [SETTING.fullmatch(word) for word in words]
    words = [word for word, match in zip(words, chosen, strict=True) if not match]
    values = {"beta": [], "pairs": [64.0], "rate": [1e-4]}
    for match in filter(None, chosen):
        values[match[1]].append(float(match[2]))
    if not all(values["pairs"] + values["rate"]):
        raise ValueError("pairs and rate must be larger than 0: pairs32, rate5e-4.")
    betas = values["beta"] or betas
    pairs, rate = int(values["pairs"][-1]), values["rate"][-1]
    readers = ("gbt",) if "gbt" in words else ("gbt", "mlp")
    adam = "fresh" if "fresh" in words else "kept"
    own = [word for word in words if word not in (*METHODS, *WORDS)]
    for word in own:
        base = word.split(":")[0].split("+")[0]
        if base not in data.NAMES and "/" not in base and not base.endswith(".npz"):
            raise ValueError(
                f"unknown word {word!r}: words are numbers, {', '.join(METHODS)}, gbt, "
                "fresh, beta4 and the like, pairs32, rate5e-4, and targets; "
                f"{suggest(base, data.NAMES)}"
            )
    targets = tuple(own or targets)
    warmup = WARMUP * source_steps / steps

    rows = {
        f"{method}, beta {beta:g}": _config(
            method, source, beta, source_steps, pairs, rate, warmup
        )
        for method in methods
        for beta in betas
    }
    return studies.TransferStudy(
        name=name,
        title=title,
        rows=rows,
        seeds=tuple(range(seeds)),
        targets=dict.fromkeys(rows, targets),
        settings=studies.TransferSettings(
            finetune_steps=tuning, adam=adam, readers=readers
        ),
        notes=NOTES.format(pairs=pairs, rate=rate, warmup=warmup),
    )


def _config(method, source, beta, steps, pairs, rate, warmup):
    module = {"beta_vae": beta_vae, "ada_gvae": ada_gvae, "group_vae": group_vae}
    config = module[method].get_config(source)
    config.hparams.beta = beta
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
