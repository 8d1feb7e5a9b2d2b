"""The allowed values of each config field: one table, checked before anything is loaded."""

from __future__ import annotations

import difflib
import fnmatch
import math
import numbers
import runpy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from dis_jax import networks, own_code, shipped
from dis_jax.methods import METHODS, schedules
from dis_jax.methods.ada_gvae import AGGREGATES
from dis_jax.methods.infogan_terms import DISTANCES, ELASTIC, PRIORS
from dis_jax.methods.likelihoods import LIKELIHOODS
from dis_jax.methods.ml_vae import MODES, NORMALISERS
from dis_jax.methods.pair_information import ESTIMATORS, NEGATIVES, PAIRS
from dis_jax.methods.slow_vae import TRANSITIONS
from dis_jax.networks.convolution import FORMS
from dis_jax.suggest import nearest, suggest


class Rule(NamedTuple):
    """The allowed values of a field.

    Attributes:
      words: the text after "expected" in an error.
      holds: whether a value is allowed.
      choices: the allowed strings, if they are few.
    """

    words: str
    holds: Callable[[Any], bool]
    choices: tuple[str, ...] = ()


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _whole(least: int, most: int | None = None) -> Rule:
    """Allows integers of Python and NumPy, not 1.0 and not True."""

    def holds(value: Any) -> bool:
        whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        return whole and least <= int(value) and (most is None or int(value) <= most)

    words = f"an integer from {least}" + ("" if most is None else f" to {most}")
    return Rule(words, holds)


def _real(words: str, holds: Callable[[float], bool]) -> Rule:
    return Rule(words, lambda v: _is_number(v) and not math.isnan(v) and holds(v))


def _one_of(*choices: str) -> Rule:
    return Rule(
        f"one of {', '.join(map(repr, choices))}", lambda v: v in choices, choices
    )


def _own_or(*choices: str) -> Rule:
    words = f"{_one_of(*choices).words}, or 'my_module:my_networks'"
    return Rule(words, lambda v: v in choices or own_code.is_own(v))


def _each(rule: Rule, least: int = 0) -> Rule:
    """Allows a tuple or list whose elements all satisfy a rule."""

    def holds(value: Any) -> bool:
        listed = isinstance(value, Sequence) and not isinstance(value, str)
        return listed and len(value) >= least and all(map(rule.holds, value))

    some = f", at least {least} of them" if least else ""
    return Rule(f"a tuple, each {rule.words}{some}", holds)


def _or(rule: Rule, *values: Any) -> Rule:
    words = f"{rule.words}, or {' or '.join(map(repr, values))}"
    return Rule(words, lambda v: rule.holds(v) or any(v is x or v == x for x in values))


_LARGEST = 3.4028234e38  # of a float32
_TEXT = Rule("a text", lambda v: isinstance(v, str))
_NAMED = Rule("a name", lambda v: isinstance(v, str) and bool(v))
_FLAG = Rule("True or False", lambda v: isinstance(v, bool))
_SEED = _whole(0, 2**32 - 1)  # the range of seeds of JAX keys
_MASS = _real("a finite number from 0", lambda v: 0 <= v <= _LARGEST)
_POSITIVE = _real("a finite number above 0", lambda v: 0 < v <= _LARGEST)
_FINITE = _real("a finite number", lambda v: abs(v) <= _LARGEST)
_DECAY = _real("a number from 0 to less than 1", lambda v: 0 <= v < 1)
_CLIP = _real("a number above 0, or inf for no clipping", lambda v: v > 0)
_ZOOM = _real("a finite number from 1", lambda v: 1 <= v <= _LARGEST)
_SHARE = _real("a number from 0 to 1", lambda v: 0 <= v <= 1)
_WIDTH = _whole(1)
_WIDTHS = _each(_WIDTH)

# The first pattern that a field's dotted name matches gives its rule; a field that matches
# no pattern may have any value except nan.
RULES: dict[str, Rule] = {
    "dataset": _NAMED,
    "split": _NAMED,
    "test_split": _NAMED,
    "batch_size": _WIDTH,
    "precision": _one_of("float32", "bfloat16", "float16"),
    "optimiser.b[12]": _DECAY,
    "*_optimiser.b[12]": _DECAY,
    "optimiser.eps": _MASS,
    "*_optimiser.eps": _MASS,
    "hparams.clip_norm": _CLIP,
    "hparams.*temperature": _POSITIVE,
    "hparams.variance": _POSITIVE,
    "hparams.rate": _POSITIVE,
    "hparams.perturbation": _POSITIVE,
    "hparams.*": _MASS,
    "seed": _SEED,
    "steps": _whole(0),
    "steps_per_call": _whole(0),
    "log_every": _WIDTH,
    "checkpoint_every": _WIDTH,
    "keep_checkpoints": _WIDTH,
    "best_metric": _TEXT,
    "tensorboard": _FLAG,
    "init_from.workdir": _TEXT,
    "init_from.networks": _each(_NAMED),
    "init_from.optimisers": _each(_NAMED),
    "init_from.step": _whole(0),
    "*sampler.order": _one_of("keyed", "epoch"),
    "*sampler.num_changed": _or(_WIDTH, None),
    "*sampler.must_differ": _FLAG,
    "*sampler.rate": _POSITIVE,
    "*sampler.shape": _POSITIVE,
    "*sampler.group_size": _or(_WIDTH, None),
    "*sampler.class_counts": _or(_each(_whole(0), 1), None),
    "*sampler.subset_seed": _SEED,
    "*sampler.degrees": _FINITE,
}

# Fields of this package's networks and methods; your own code may give them another
# meaning.
OF_METHODS: dict[str, Rule] = {
    "shared_from": _TEXT,
    "network.name": _own_or("conv", "mlp"),
    "network.form": _one_of(*FORMS),
    "network.init": _one_of(*networks.INITIALISERS),
    "network.latent": _WIDTH,
    "network.hidden": _WIDTH,
    "network.code_hidden": _WIDTH,
    "network.noise": _WIDTH,
    "network.categories": _whole(2),
    "network.continuous": _whole(0),
    "network.shared": _WIDTH,
    "network.exclusive": _WIDTH,
    "network.grid": _whole(0),
    "network.spectral_norm": _FLAG,
    "network.weight_std": _MASS,
    "network.activation": _NAMED,
    "network.widths": _each(_WIDTH, 1),
    "network.encoder": _WIDTHS,
    "network.decoder": _WIDTHS,
    "network.statistics": _WIDTHS,
    "network.discriminator": _WIDTHS,
    "discriminator.widths": _WIDTHS,
    "decoder_widths": _each(_WIDTH, 1),
    "mixture_components": _WIDTH,
    "categories": _whole(2),
    "class_latent": _WIDTH,
    "num_values": _whole(2),
    "num_perturbations": _whole(2),
    "swap": _FLAG,
    "as_coded": _FLAG,
    "batch_statistics": _FLAG,
    "share_weights": _FLAG,
    "switched": _FLAG,
    "crossed": _FLAG,
    "prior_information_gradient": _FLAG,
    "prior_probabilities": _each(_SHARE),
    "attributes.*.classes": _whole(2),
    "attributes.*.column": _whole(0),
    "mode": _one_of(*MODES),
    "noise": _one_of("group", "example"),
    "likelihood": _one_of(*LIKELIHOODS),
    "normaliser": _one_of(*NORMALISERS),
    "prior": _one_of(*PRIORS),
    "distance": _one_of(*DISTANCES),
    "elastic": _each(_one_of(*ELASTIC)),
    "estimator": _one_of(*ESTIMATORS),
    "negatives": _one_of(*NEGATIVES),
    "pairs": _one_of(*PAIRS, *TRANSITIONS),
    "aggregate": _one_of(*AGGREGATES),
}

# Each field of `population` is a tuple of distinct values.
_POPULATION = {
    "seed": _SEED,
    "class_counts": _each(_whole(0), 1),
    "dataset": _NAMED,
}

# Methods whose losses contrast the examples of a batch.
_COUPLED = (
    "factor_vae",
    "beta_tcvae",
    "dip_vae_i",
    "dip_vae_ii",
    "hfs",
    "sdim",
    "edim",
    "tripod",
)

# Fields that every config needs, to start a run and to read one.
_NEEDED = (
    "method",
    "dataset",
    "split",
    "batch_size",
    "network",
    "precision",
    "optimiser",
)
_NEEDED += ("hparams", "seed", "population", "steps", "sampler", "mesh")


def check(config: Any) -> None:
    """Checks the value of every field of a config.

    Args:
      config: an `ml_collections.ConfigDict`, or a nested mapping.

    Raises:
      ValueError: names the field, its value, and what is expected.

    Example:
      >>> from dis_jax import training
      >>> from dis_jax.training import fields
      >>> config = training.load_config("vae")
      >>> config.batch_size = -4
      >>> fields.check(config)
      Traceback (most recent call last):
      ...
      ValueError: config.batch_size is -4; expected an integer from 1.
    """
    if missing := [name for name in _NEEDED if name not in config]:
        raise ValueError(f"config has no {', no '.join(missing)}.")
    for name in ("network", "optimiser", "hparams", "population", "sampler"):
        if not isinstance(_plain(config[name]), Mapping):
            raise _wrong(name, config[name], "named fields")
    method = config["method"]
    own = own_code.is_own(method)
    if not own and (not isinstance(method, str) or method not in METHODS):
        raise ValueError(
            f"unknown method {method!r}; {suggest(str(method), METHODS)} A method of your "
            "own is 'my_module:my_method'."
        )
    rules = {**RULES, **({} if own else OF_METHODS)}
    for name, value in _leaves(_plain(config)):
        if hasattr(value, "items"):
            _check_schedule(name, value, rules)
            continue
        if name.startswith("population."):
            _check_population(name, value)
            continue
        rule = next((r for p, r in rules.items() if fnmatch.fnmatchcase(name, p)), None)
        if rule is not None and not rule.holds(value):
            near = nearest(str(value), rule.choices)
            meant = f" Did you mean {near}?" if near else ""
            raise ValueError(f"{_wrong(name, value, rule.words)}{meant}")
        if rule is None and _has_nan(value):
            raise _wrong(name, value, "a number")
    if not own:
        _check_names(config, {*rules})
    _check_mesh(config["mesh"])
    if method in _COUPLED and config["batch_size"] < 2:
        words = f"2 or more: {method} contrasts the examples of a batch"
        raise _wrong("batch_size", config["batch_size"], words)


def _check_names(config: Any, ruled: Iterable[str]) -> None:
    """Refuses a misspelt field next to the correct one, since nothing would read it.

    Names that resemble no field of the shipped config are allowed as your own.
    """
    path = shipped.folder("configs") / f"{config['method']}.py"
    usual = _plain(runpy.run_path(str(path))["get_config"]())
    for group in ("", "network.", "optimiser.", "hparams.", "sampler."):
        here, known = (
            {*(each[group[:-1]] if group else each)} for each in (_plain(config), usual)
        )
        for name in here - known:
            if group + name in ruled:
                continue
            if near := difflib.get_close_matches(name, here & known, 1, 0.85):
                raise ValueError(
                    f"config has both {group}{name} and {group}{near[0]}, and nothing "
                    f"reads {group}{name}. Did you mean {near[0]}?"
                )


def _check_schedule(name: str, value: Any, rules: Mapping[str, Rule]) -> None:
    """Checks a schedule's first and last values by the rule of its hyperparameter."""
    if not name.startswith(("hparams.", "population.")):
        raise _wrong(name, value, "a value: only hyperparameters may have a schedule")
    own = name.replace("population.", "hparams.", 1)
    rule = next(r for p, r in rules.items() if fnmatch.fnmatchcase(own, p))
    schedule = schedules.make(value, name)
    for step in (0, 10**9):
        if not rule.holds(found := float(schedule(step))):
            raise _wrong(
                name, value, f"{rule.words}, but it is {found} at step {step:,}"
            )


def _check_population(name: str, value: Any) -> None:
    own = name.removeprefix("population.")
    rule = _POPULATION.get(own) or next(
        r for p, r in RULES.items() if fnmatch.fnmatchcase(f"hparams.{own}", p)
    )
    values = _each(Rule(rule.words, lambda v: hasattr(v, "items") or rule.holds(v)))
    if not values.holds(value):
        raise _wrong(name, value, values.words)
    for each in value:
        if hasattr(each, "items"):
            _check_schedule(name, each, RULES)
    plain = [schedules.identity(v) if hasattr(v, "items") else v for v in value]
    plain = [tuple(v) if isinstance(v, list | tuple) else v for v in plain]
    if len({*plain}) < len(plain):
        twice = next(v for v in plain if plain.count(v) > 1)
        raise _wrong(name, value, f"distinct values; {twice!r} occurs twice")


def _check_mesh(mesh: Any) -> None:
    words = "two integers (population, data) from 1; data=-1 uses all remaining devices"
    if not _each(_or(_WIDTH, -1)).holds(mesh) or len(mesh) != 2 or mesh[0] < 1:
        raise _wrong("mesh", mesh, words)


def _wrong(name: str, value: Any, words: str) -> ValueError:
    shown = f"{value!r}, not a number" if value != value else repr(value)
    return ValueError(f"config.{name} is {shown}; expected {words}.")


def _has_nan(value: Any) -> bool:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return any(map(_has_nan, value))
    return isinstance(value, float) and math.isnan(value)


def _plain(config: Any) -> Any:
    """A config as nested dicts of values; other values unchanged."""
    return config.to_dict() if hasattr(config, "to_dict") else config


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Yields the dotted name and the value of each field."""
    for name, value in tree.items():
        if isinstance(value, Mapping) and not schedules.is_schedule(value):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
