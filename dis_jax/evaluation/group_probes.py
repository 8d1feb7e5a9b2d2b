"""Probes of the Gaussian codes of a group method: how well they predict a label."""

from __future__ import annotations

import functools
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Key
from numpy.typing import ArrayLike

from dis_jax import losses, networks
from dis_jax.methods.method import Gaussian
from dis_jax.probing.checks import check_codes, random_key
from dis_jax.probing.cross_fit import location_scale
from dis_jax.probing.sklearn_models import fit_logistic, majority_accuracy

Evidence = Literal["image", "batch", "disjoint"]
EVIDENCE = ("image", "batch", "disjoint")
MODELS = ("mlp", "logistic")


class Probe(NamedTuple):
    """Result of `probe`.

    Attributes:
      accuracy: on whole batches of the test codes, 0 to 1.
      train_accuracy: on those of the training codes.
      chance: test accuracy of always predicting the most frequent training label.
      leaks_labels: whether a test image's own label went into its code.
    """

    accuracy: float
    train_accuracy: float
    chance: float
    leaks_labels: bool


class _Codes(NamedTuple):
    """Posteriors with the labels of their images."""

    mean: Float[Array, "example latent"]
    logvar: Float[Array, "example latent"]
    label: Int[Array, " example"]


class _Settings(NamedTuple):
    """Static settings, part of the compiled program."""

    evidence: Evidence
    classes: int
    batch_size: int
    steps: int
    learning_rate: float
    batch_statistics: bool


def probe(
    key: Key[Array, ""] | int,
    codes: Gaussian,
    labels: ArrayLike,
    test_codes: Gaussian,
    test_labels: ArrayLike,
    *,
    evidence: Evidence = "image",
    noise_scale: float = 0.0,
    model: str = "mlp",
    batch_size: int = 128,
    steps: int = 5_000,
    learning_rate: float = 1e-3,
    batch_statistics: bool = False,
) -> Probe:
    """Accuracy of a classifier of samples of Gaussian codes, with or without evidence.

    A code is `mean + noise_scale exp(logvar / 2) n`, n ~ N(0, I), where the Gaussian is

    - "image": the image's own. No label is used: this measures the image's code alone.
    - "batch": the product over the images of its batch that have its label, with one n
      per group. The label of a test image determines its code, so the accuracy is near 1
      for any encoder; published numbers are computed in this way. `leaks_labels` is True.
    - "disjoint": the product over a group in another batch, of labelled training images:
      the group whose product is nearest to the image's own Gaussian (largest density of
      the difference of the two), so that no test label is used.

    The classifier has two layers of 256 with batch normalisation and leaky rectifiers.
    The public code trains it for 100,000 steps with learning rate 1e-4; the default
    here is shorter, with a larger rate and cosine decay.

    Args:
      key: a random key; or a seed.
      codes: (batch, latent), posteriors of the training images.
      labels: (batch,), whole numbers, all known.
      test_codes: (test batch, latent).
      test_labels: (test batch,).
      evidence: see above.
      noise_scale: standard deviation of n; 0 takes means.
      model: "mlp", the classifier above, or "logistic" regression on one draw of codes.
      batch_size: codes in a step, and images in a batch of evidence; images that do not
        fill a batch, chosen at random, are not used.
      steps: of the classifier.
      learning_rate: of its Adam, at the start.
      batch_statistics: whether the classifier is tested with the statistics of each test
        batch in batch normalisation, as in the public code; predictions then depend on
        the other images of a batch. By default running averages.

    Returns:
      `Probe(accuracy, train_accuracy, chance, leaks_labels)`.

    Raises:
      ValueError: if a shape does not fit, a code is not finite, there are fewer images
        than a batch has (two batches of training images for "disjoint"), a label is
        unknown (-1), a test label does not occur in training, or an option is not known.

    Example:
      >>> import jax
      >>> import numpy as np
      >>> from dis_jax import evaluation
      >>> from dis_jax.methods import Gaussian
      >>> labels = np.arange(64) % 2
      >>> codes = Gaussian(labels[:, None] * 4.0, np.zeros((64, 1)))
      >>> split = codes, labels, codes, labels
      >>> evaluation.probe(
      ...     jax.random.key(0), *split, model="logistic", batch_size=16
      ... ).accuracy
      1.0
    """
    key = random_key(key)
    if evidence not in EVIDENCE or model not in MODELS:
        raise ValueError(
            f"evidence is {evidence!r} and model {model!r}; expected one of {EVIDENCE} "
            f"and one of {MODELS}."
        )
    values = np.unique(np.asarray(labels))
    train = _checked("codes", codes, labels, values)
    test = _checked("test_codes", test_codes, test_labels, values)
    needed = 2 * batch_size if evidence == "disjoint" else batch_size
    if len(train.label) < needed or len(test.label) < batch_size:
        raise ValueError(
            f"{len(train.label)} training and {len(test.label)} test codes; expected at "
            f"least {needed} and {batch_size}: lower batch_size or give more codes."
        )
    # `_two_batches` draws from even and odd rows: labels must not depend on row parity.
    order = jax.random.permutation(jax.random.fold_in(key, 0), len(train.label))
    train = _take(train, order)
    settings = _Settings(
        *(evidence, len(values), batch_size, steps, learning_rate, batch_statistics)
    )
    accuracies = _mlp if model == "mlp" else _logistic
    train_accuracy, accuracy = accuracies(settings, key, train, test, noise_scale)
    return Probe(
        float(accuracy),
        float(train_accuracy),
        majority_accuracy(np.asarray(train.label), np.asarray(test.label)),
        evidence == "batch",
    )


def _checked(
    name: str, codes: Gaussian, labels: ArrayLike, values: np.ndarray
) -> _Codes:
    mean, logvar = (np.asarray(part, np.float32) for part in codes)
    given = np.asarray(labels)
    if mean.ndim != 2 or logvar.shape != mean.shape or given.shape != mean.shape[:1]:
        raise ValueError(
            f"{name} has shapes {mean.shape} and {logvar.shape}, its labels "
            f"{given.shape}; expected (batch, latent) twice and (batch,)."
        )
    check_codes(mean, name=f"{name}.mean")
    check_codes(logvar, name=f"{name}.logvar")
    if unknown := np.sum(given == -1):
        raise ValueError(
            f"labels of {name} must be known, found -1 (unknown) in {unknown:,} of "
            f"{len(given):,} rows; drop these rows. If -1 is a value, number the labels "
            "from 0."
        )
    if not np.isin(given, values).all():
        unseen = np.setdiff1d(given, values).tolist()
        raise ValueError(f"labels {unseen} of {name} do not occur in training.")
    return _Codes(
        jnp.asarray(mean), jnp.asarray(logvar), jnp.asarray(values.searchsorted(given))
    )


def _draw(
    settings: _Settings,
    key: Array,
    codes: _Codes,
    reference: _Codes,
    scale: Array | float,
) -> Float[Array, "batch latent"]:
    """Codes of a batch; `reference` is a batch of other images, for "disjoint"."""
    mean, logvar, label = codes
    per: Literal["group", "example"] = "group"
    if settings.evidence == "batch":
        product = losses.accumulate_evidence(mean, logvar, label, settings.classes)
        mean, logvar = (part[label] for part in product)
    elif settings.evidence == "disjoint":
        product = losses.accumulate_evidence(*reference, settings.classes)
        label = _nearest_group(codes, Gaussian(*product), reference.label)
        mean, logvar = (part[label] for part in product)
    else:
        per = "example"
    noise = losses.group_noise(
        *(key, label, settings.classes, mean.shape[1]), scale=scale, per=per
    )
    return mean + jnp.exp(0.5 * logvar) * noise


def _nearest_group(
    codes: _Codes, groups: Gaussian, present: Int[Array, " batch"]
) -> Int[Array, " batch"]:
    # z - z_g ~ N(mean - mean_g, var + var_g): its density at 0, for every group.
    variance = jnp.exp(codes.logvar)[:, None] + jnp.exp(groups.logvar)
    distance = (codes.mean[:, None] - groups.mean) ** 2 / variance
    log_density = -0.5 * (distance + jnp.log(variance)).sum(axis=-1)
    # Groups without a member are standard normals, not candidates.
    known = (jnp.arange(len(groups.mean))[:, None] == present).any(axis=1)
    return jnp.where(known, log_density, -jnp.inf).argmax(axis=1)


def _take(codes: _Codes, index: Array) -> _Codes:
    return _Codes(*(part[index] for part in codes))


def _two_batches(
    settings: _Settings, key: Array, codes: _Codes
) -> tuple[_Codes, _Codes]:
    """Two batches without a common image: one of even rows, one of odd rows."""
    which, first, second = jax.random.split(key, 3)
    half = len(codes.label) // 2
    parity = jax.random.bernoulli(which).astype(jnp.int32)
    a, b = (
        2 * jax.random.randint(k, (settings.batch_size,), 0, half)
        for k in (first, second)
    )
    return _take(codes, a + parity), _take(codes, b + 1 - parity)


@functools.partial(jax.jit, static_argnums=0)
def _draw_all(
    settings: _Settings, key: Array, codes: _Codes, train: _Codes, scale: Array | float
) -> tuple[Float[Array, "batches batch latent"], Int[Array, "batches batch"]]:
    """Codes of a whole set in random batches; rows that do not fill one are dropped."""
    order_key, key = jax.random.split(key)
    count = len(codes.label) // settings.batch_size
    order = jax.random.permutation(order_key, len(codes.label))
    batches = order[: count * settings.batch_size].reshape(count, -1)

    def one(args: tuple[Array, Array]) -> tuple[Array, Array]:
        index, key = args
        batch = _take(codes, index)
        reference_key, noise_key = jax.random.split(key)
        _, reference = _two_batches(settings, reference_key, train)
        return _draw(settings, noise_key, batch, reference, scale), batch.label

    return jax.lax.map(one, (batches, jax.random.split(key, count)))


@functools.partial(jax.jit, static_argnums=0)
def _mlp(
    settings: _Settings, key: Array, train: _Codes, test: _Codes, scale: Array | float
) -> tuple[Array, Array]:
    network: Any = networks.CodeClassifier(settings.classes)
    init_key, fit_key, *last = jax.random.split(key, 4)
    rate = optax.cosine_decay_schedule(settings.learning_rate, settings.steps)
    adam = optax.adam(rate)
    variables = network.init(init_key, train.mean[:2], train=True)
    params, stats = variables["params"], variables["batch_stats"]

    def loss(params: Any, stats: Any, codes: Array, label: Array) -> tuple[Array, Any]:
        logits, changed = network.apply(
            {"params": params, "batch_stats": stats},
            codes,
            train=True,
            mutable=["batch_stats"],
        )
        entropy = optax.softmax_cross_entropy_with_integer_labels(logits, label)
        return entropy.mean(), changed["batch_stats"]

    def step(carry: Any, key: Array) -> tuple[Any, None]:
        params, stats, opt = carry
        batch_key, noise_key = jax.random.split(key)
        batch, reference = _two_batches(settings, batch_key, train)
        codes = _draw(settings, noise_key, batch, reference, scale)
        grads, stats = jax.grad(loss, has_aux=True)(params, stats, codes, batch.label)
        updates, opt = adam.update(grads, opt)
        return (optax.apply_updates(params, updates), stats, opt), None

    carry = params, stats, adam.init(params)
    keys = jax.random.split(fit_key, settings.steps)
    (params, stats, _), _ = jax.lax.scan(step, carry, keys)

    def accuracy(key: Array, codes: _Codes) -> Array:
        drawn, label = _draw_all(settings, key, codes, train, scale)

        def right(batch: tuple[Array, Array]) -> Array:
            logits, _ = network.apply(
                {"params": params, "batch_stats": stats},
                batch[0],
                train=settings.batch_statistics,
                mutable=["batch_stats"],
            )
            return (logits.argmax(axis=1) == batch[1]).mean()

        return jax.lax.map(right, (drawn, label)).mean()

    return accuracy(last[0], train), accuracy(last[1], test)


def _logistic(
    settings: _Settings, key: Array, train: _Codes, test: _Codes, scale: float
) -> tuple[float, float]:
    keys = jax.random.split(key)
    (x, y), (x_test, y_test) = (
        (np.asarray(drawn).reshape(-1, drawn.shape[-1]), np.asarray(label).ravel())
        for drawn, label in (
            _draw_all(settings, k, codes, train, scale)
            for k, codes in zip(keys, (train, test), strict=True)
        )
    )
    mean, std = location_scale(x)
    x, x_test = (x - mean) / std, (x_test - mean) / std
    model = fit_logistic(x, y)
    return model.score(x, y), model.score(x_test, y_test)
