"""The fields of every config, with their default values."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from dis_jax import own_code
from dis_jax.data import ImageSet
from dis_jax.data.factor_kinds import KINDS
from dis_jax.methods import Method
from dis_jax.methods.likelihoods import COMPONENTS, DEFAULT, LIKELIHOODS
from dis_jax.training import words

OPTIONS = ("demo", "mlp", "epoch")
OWN_NETWORKS = ("edim", "infogan", "sdim")  # no VAE: no likelihood either


def read(
    argument: str, own: Iterable[str] = (), numbers: Mapping[str, Any] | None = None
) -> words.Words:
    """Parses the argument of a config: the general options and its own."""
    return words.read(argument, numbers, (*own, *OPTIONS, *LIKELIHOODS), datasets=True)


def get_config(
    method: str | Callable[..., Method],
    asked: str | words.Words = "",
    dataset: str | Callable[..., ImageSet] = "rendered_dsprites",
    **hparams: float,
) -> Any:
    """The config of a method on a data set.

    Args:
      method: a name in `dis_jax.methods.METHODS`; or your own method, as
        `my_module:my_method` or as a function.
      asked: options separated by commas, or the result of `read`: the name of a data set,
        or the path or `my_module:my_set` of your own; "demo" for a run that fits a
        laptop; "mlp" for dense networks; "epoch" for every image once per epoch, if the
        method's config sets no sampler; the likelihood of a VAE, one of `LIKELIHOODS`.
      dataset: the default data set, by name or as your own function.
      **hparams: hyperparameters of the method, numbers or schedules (see
        `methods.schedules`).
    """
    import ml_collections
    from ml_collections import config_dict

    options, names, *_ = read(asked) if isinstance(asked, str) else asked
    if len(names) > 1:
        paths = any("/" in name or name.endswith(".npz") for name in names)
        way_out = " Give a path that contains a comma by --config.dataset=PATH."
        raise ValueError(
            f"one data set at a time; found {', '.join(names)}.{way_out if paths else ''}"
        )
    demo = "demo" in options

    config = ml_collections.ConfigDict()
    config.method = own_code.name_of(method) if callable(method) else method

    # data
    dataset = names[0] if names else dataset
    config.dataset = own_code.name_of(dataset) if callable(dataset) else dataset
    config.split = "all"
    config.sampler = {"order": "epoch"} if "epoch" in options else {}  # its arguments
    config.batch_size = 64
    config.image_shape = config_dict.placeholder(tuple)  # the data set's

    config.network = _network(method, options)
    config.precision = "float32"  # of the computation; parameters are float32
    fields, of_likelihood = _likelihood(method, options)
    config.update(fields)

    # optimisation; hparams are arguments of the compiled program, all other fields are
    # constants in it
    config.optimiser = {"b1": 0.9, "b2": 0.999, "eps": 1e-8}
    config.hparams = {
        "learning_rate": 1e-4,
        "clip_norm": float("inf"),
        **of_likelihood,
        **hparams,
    }

    # seed, or lists of seeds and hyperparameters; length
    config.seed = 0
    config.population = {"seed": (), **dict.fromkeys(config.hparams, ())}
    config.steps = 2_000 if demo else 300_000
    config.steps_per_call = 0  # 0: the fastest number on the backend
    config.mesh = (1, -1)  # devices for (population, data); -1: all remaining
    config.init_from = {"workdir": "", "networks": ()}

    # log and checkpoints
    config.log_every = 50 if demo else 500
    config.checkpoint_every = 500 if demo else 10_000
    config.keep_checkpoints = 3
    config.best_metric = "loss"  # the checkpoint with the smallest is kept; "": none
    config.tensorboard = True
    return config


def _network(method: Any, options: Collection[str]) -> dict[str, Any]:
    """The fields of the autoencoder: convolutional, or dense with the option "mlp"."""
    both = {
        "latent": 10,
        "init": "xavier",
    }  # disentanglement_lib's; see `networks.initialisers`
    if "mlp" not in options:
        # hidden 256 is Locatello et al. 2019, 128 is Kim & Mnih 2018 on dSprites
        return {"name": "conv", **both, "hidden": 256, "form": "pair"}
    if method in OWN_NETWORKS:
        raise ValueError(f"mlp: {method} has its own networks; remove this option.")
    # Higgins et al. 2017 on dSprites
    widths = {"encoder": (1200, 1200), "decoder": (1200, 1200, 1200)}
    return {"name": "mlp", **both, **widths}


def _likelihood(
    method: Any, options: Collection[str]
) -> tuple[dict[str, Any], dict[str, float]]:
    """The likelihood of images given latents: its fields, and its hyperparameters."""
    asked = [word for word in options if word in LIKELIHOODS]
    if method in OWN_NETWORKS:
        for word in asked:
            raise ValueError(f"{word}: {method} is not a VAE and has no likelihood.")
        return {}, {}
    if len(asked) > 1:
        raise ValueError(f"one likelihood at a time; found {', '.join(asked)}.")
    word = asked[0] if asked else DEFAULT
    fields: dict[str, Any] = {"likelihood": word}
    if word == "logistic_mixture":
        fields["mixture_components"] = COMPONENTS
    return fields, {"variance": 1.0} if word == "gaussian" else {}


def two_per_factor(dataset: str) -> int:
    """Two latent dimensions per factor of a data set; 10 where the factors are unknown.

    Args:
      dataset: its name, with variants. Sets with one or two labelled factors, such as
        MNIST, have factors without labels too and count as unknown.

    Returns:
      The number of dimensions.

    Example:
      >>> two_per_factor("rendered_shapes3d+resized32"), two_per_factor("mnist")
      (12, 10)
    """
    name = dataset.split("+")[0].split(":")[0].removeprefix("rendered_")
    factors = len(KINDS.get(name, ()))
    return 2 * factors if factors > 2 else 10
