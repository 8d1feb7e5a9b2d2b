"""Probes of the codes of a system that learns from pairs of views."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from dis_jax import data, training
from dis_jax.methods.method import Categorical, Method, State
from dis_jax.metrics.downstream import downstream
from dis_jax.probing.checks import check_codes, random_key
from dis_jax.probing.sklearn_models import majority_accuracy

HEAD = "head"  # the probe that is trained with the system


class Reading(NamedTuple):
    """Accuracy of one probe that predicts one attribute from one code.

    Attributes:
      code: such as `shared_x`, computed from the views of its side.
      attribute: the predicted attribute.
      reader: `head`, trained with the system, or a model of `downstream`.
      accuracy: on test pairs, 0 to 1.
      train_accuracy: on training pairs.
      chance: test accuracy of always predicting the most frequent training label.
      wanted: whether the code should encode the attribute.
    """

    code: str
    attribute: str
    reader: str
    accuracy: float
    train_accuracy: float
    chance: float
    wanted: bool


class PairCodes(NamedTuple):
    """Codes of pairs.

    Attributes:
      codes: by `role_side`, such as `shared_x`, (pair, latent); logits of heads by
        `role_side_attribute`.
      labels: (pair,) by `attribute_side`; unknown = -1.
    """

    codes: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]


def read_pairs(
    train: PairCodes,
    test: PairCodes,
    wanted: Mapping[str, Sequence[str]],
    *,
    codes: Sequence[str] | None = None,
    models: Sequence[str] = ("logistic", "knn"),
    seed: int = 0,
) -> list[Reading]:
    """The accuracy of each probe for every attribute and code.

    Attributes that do not vary on a side, or are not known, are skipped there;
    `left_out_attributes` names them.

    Eq.: Sanchez et al. 2020, section 4

    Args:
      train: pairs that probes are fitted on.
      test: pairs that they are tested on.
      wanted: the attributes that a code should encode, by the code's name or role.
      codes: names of the codes to probe, such as `shared_x`; by default all.
      models: of `downstream`, fitted after training.
      seed: of the models.

    Returns:
      The readings: first those of heads (named `code_attribute`), then those of models.

    Raises:
      ValueError: if a model is not known.

    Example:
      >>> import numpy as np
      >>> from dis_jax import evaluation
      >>> label = np.arange(40) % 2
      >>> codes = evaluation.PairCodes(
      ...     {"shared_x": label[:, None] * 1.0}, {"digit_x": label})
      >>> readings = evaluation.read_pairs(codes, codes, {"shared": ["digit"]})
      >>> [(r.reader, r.accuracy, r.chance) for r in readings]
      [('logistic', 1.0, 0.5), ('knn', 1.0, 0.5)]
    """
    heads, readings = [], []
    for name, values in train.codes.items():
        role, side = name.split("_")[:2]
        code = f"{role}_{side}"
        if codes is not None and code not in codes:
            continue
        meant = wanted.get(code, wanted.get(role, ()))
        attributes = [
            label.removesuffix(f"_{side}")
            for label, found in train.labels.items()
            if label.endswith(f"_{side}") and not _missing(found, test.labels[label])
        ]
        if name != code:  # logits of a head
            attribute = name.removeprefix(f"{code}_")
            if attribute in attributes:
                scores = _head_scores(train, test, name, f"{attribute}_{side}")
                heads.append(
                    Reading(code, attribute, HEAD, *scores, attribute in meant)
                )
            continue
        if not attributes:
            continue
        y, y_test = (
            np.stack([part.labels[f"{a}_{side}"] for a in attributes], axis=1)
            for part in (train, test)
        )
        for model in models:
            found = downstream(
                values, y, test.codes[name], y_test, model=model, seed=seed
            )
            scores = (found.per_factor, found.train_per_factor, found.chance)
            for attribute, a, b, c in zip(attributes, *scores, strict=True):
                scored = float(a), float(b), float(c)
                readings.append(
                    Reading(code, attribute, model, *scored, attribute in meant)
                )
    return heads + readings


def left_out_attributes(train: PairCodes, test: PairCodes) -> dict[str, str]:
    """The attributes that `read_pairs` skips, with the reason.

    Args:
      train: pairs that probes are fitted on.
      test: pairs that they are tested on.

    Returns:
      The reason by `attribute_side`.

    Example:
      >>> import numpy as np
      >>> from dis_jax import evaluation
      >>> codes = evaluation.PairCodes({}, {"digit_x": np.zeros(40, int)})
      >>> evaluation.left_out_attributes(codes, codes)
      {'digit_x': 'takes one value'}
    """
    reasons = {
        label: _missing(found, test.labels[label])
        for label, found in train.labels.items()
    }
    return {label: reason for label, reason in reasons.items() if reason}


def distance_to_ideal(readings: Sequence[Reading]) -> dict[str, float]:
    """Distance of accuracies from 1 where wanted, from chance elsewhere.

    `Σ_attributes |accuracy - ideal|`, smaller is better.

    Eq.: Sanchez et al. 2020, section 4

    Args:
      readings: from `read_pairs`.

    Returns:
      The distance by "code reader".

    Example:
      >>> from dis_jax import evaluation
      >>> digit = evaluation.Reading("shared_x", "digit", "knn", 0.75, 1.0, 0.5, True)
      >>> colour = digit._replace(attribute="colour", wanted=False)
      >>> evaluation.distance_to_ideal([digit, colour])
      {'shared_x knn': 0.5}
    """
    found: dict[str, float] = {}
    for reading in readings:
        name = f"{reading.code} {reading.reader}"
        ideal = 1.0 if reading.wanted else reading.chance
        found[name] = found.get(name, 0.0) + abs(reading.accuracy - ideal)
    return found


def encode_pairs(
    method: Method,
    state: State,
    sampler: data.Sampler,
    image_set: data.ImageSet,
    key: Key[Array, ""] | int,
    num_pairs: int,
    attributes: Mapping[str, Mapping[str, Any]],
) -> PairCodes:
    """Codes and labels of pairs, drawn and encoded in the sampler's batches.

    Args:
      method: a system that trains on pairs.
      state: its trained state.
      sampler: draws the pairs.
      image_set: the source of the images.
      key: of the draw; or a seed.
      num_pairs: rounded down to whole batches, at least one batch.
      attributes: field, column and number of classes of each, as in a config.

    Returns:
      The codes and labels.

    Example:
      >>> import jax
      >>> from dis_jax import data, evaluation
      >>> from dis_jax.methods import Method
      >>> encode = lambda state, batch: {"mean_x": batch["image"].mean((1, 2))}
      >>> method = Method("views", None, None, encode, None, code="mean_x")
      >>> sprites = data.load("rendered_dsprites")
      >>> made = evaluation.encode_pairs(
      ...     method, None, data.views(sprites, 4), sprites, jax.random.key(0), 8,
      ...     {"colour": {"field": "colour", "column": 0, "classes": 12}})
      >>> made.codes["mean_x"].shape, made.labels["colour_y"].shape
      ((8, 3), (8,))
    """
    key = random_key(key)

    @jax.jit
    def step(state: State, image_set: data.ImageSet, args: Any, i: Array) -> PairCodes:
        batch = sampler.sample(image_set, key, i, args)
        codes, labels = {}, {}
        for side in "xy":
            for name, code in method.encode(state, {"image": batch[side]}).items():
                # `encode` applies the encoders of both sides to any image; only those
                # of the image's own side count.
                if name.split("_")[1] == side:
                    is_logits = isinstance(code, Categorical)
                    codes[name] = code.logits if is_logits else code
            for name, about in attributes.items():
                values = batch.get(f"{about['field']}_{side}")
                if values is not None:
                    rows = values.reshape(len(values), -1)
                    labels[f"{name}_{side}"] = rows[:, about["column"]]
        return PairCodes(codes, labels)

    batches, made, i = 1, [], 0
    while i < batches:
        part = step(state, image_set, sampler.args, jnp.int32(i))
        made.append(jax.device_get(part))
        # Only the first batch shows how many pairs a sampler returns.
        if i == 0:
            size = len(next(iter(part.codes.values())))
            batches = max(1, num_pairs // size)
        i += 1
    return jax.tree.map(lambda *parts: np.concatenate(parts), *made)


def encode_run(
    state: State,
    config: Any,
    data_dir: str | os.PathLike[str] | None = None,
    *,
    batch_statistics: bool = False,
    num_train: int = 10_000,
    num_test: int = 10_000,
    seed: int = 0,
    load: Callable[..., data.ImageSet] = data.load,
) -> tuple[PairCodes, PairCodes]:
    """Codes of a run: of training pairs, and of the test pairs that its config names.

    Args:
      state: its trained state.
      config: of the run, with `test_split`, `test_sampler` and `attributes`.
      data_dir: the folder of real data sets.
      batch_statistics: whether batch normalisation uses the statistics of each batch, of
        the training batch size, as in the public code for SmallNORB; by default running
        statistics.
      num_train: training pairs.
      num_test: test pairs.
      seed: of the draws.
      load: loads the data, called as `load(name, data_dir, split)`.

    Returns:
      Both, for `read_pairs` and `left_out_attributes`.

    Raises:
      ValueError: if the run's method does not learn from pairs of views.

    Example:
      >>> from dis_jax import evaluation, training
      >>> def left_out(workdir):
      ...     _, state, config = training.restore(workdir)
      ...     return evaluation.left_out_attributes(*evaluation.encode_run(state, config))
    """
    needed = ("attributes", "test_sampler", "test_split", "batch_statistics")
    if lacking := [name for name in needed if name not in config]:
        raise ValueError(
            f"the config of this {config.method!r} has no {', '.join(lacking)}; expected a "
            "run of a method that learns from pairs of views: sdim or edim."
        )
    config = config.copy_and_resolve_references()
    config.batch_statistics = batch_statistics
    method = training.make_method(config)

    def encoded(i: int, split: str, options: Any, count: int) -> PairCodes:
        image_set = load(config.dataset, data_dir, split)
        make: Callable[..., data.Sampler] = data.SAMPLERS[method.batch]
        sampler = make(image_set, config.batch_size, **options)
        key = jax.random.fold_in(jax.random.key(seed), i)
        drawn = (method, state, sampler, image_set, key, count)
        return encode_pairs(*drawn, config.attributes)

    return (
        encoded(0, config.split, config.sampler, num_train),
        encoded(1, config.test_split, config.test_sampler, num_test),
    )


def read_run(
    state: State,
    config: Any,
    data_dir: str | os.PathLike[str] | None = None,
    *,
    codes: Sequence[str] | None = None,
    models: Sequence[str] = ("logistic", "knn"),
    seed: int = 0,
    **options: Any,
) -> list[Reading]:
    """Probes a run: fitted on training pairs, scored on the test pairs of its config.

    Args:
      state: its trained state.
      config: of the run, with the fields that `encode_run` needs, and `wanted`.
      data_dir: the folder of real data sets.
      codes: see `read_pairs`.
      models: see `read_pairs`.
      seed: of the draws and the models.
      **options: of `encode_run`.

    Returns:
      The readings.

    Example:
      >>> from dis_jax import evaluation, training
      >>> def accuracies(workdir):
      ...     _, state, config = training.restore(workdir)
      ...     return {r[:3]: r.accuracy for r in evaluation.read_run(state, config)}
    """
    parts = encode_run(state, config, data_dir, seed=seed, **options)
    return read_pairs(*parts, config.wanted, codes=codes, models=models, seed=seed)


def _missing(labels: np.ndarray, test_labels: np.ndarray) -> str:
    """Why an attribute cannot be predicted, or ""."""
    values, test_values = np.unique(labels), np.unique(test_labels)
    if -1 in values or -1 in test_values:
        return "is unknown for some pairs (-1)"
    if len(values) < 2:
        return "takes one value"
    if len(test_values) < 2:
        return "takes one value among test pairs"
    new = np.setdiff1d(test_values, values)
    return f"has test values that no training pair has ({new[0]})" if len(new) else ""


def _head_scores(
    train: PairCodes, test: PairCodes, code: str, label: str
) -> tuple[float, float, float]:
    for part in (train, test):
        check_codes(part.codes[code], name=f"codes[{code!r}]")
    accuracy, train_accuracy = (
        float((part.codes[code].argmax(axis=1) == part.labels[label]).mean())
        for part in (test, train)
    )
    chance = majority_accuracy(train.labels[label], test.labels[label])
    return accuracy, train_accuracy, chance
