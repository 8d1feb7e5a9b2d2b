"""Sets with dependent factors: correlated, confounded, or with given weights."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from dis_jax.data.image_set import ImageSet
from dis_jax.suggest import suggest

# Weights below this share of the largest become 0: float32 cannot resolve them.
_LEAST = 1e-30
_WEIGHTS = ("conditionals", "log_weights")  # arrays of a weighted set


class Ridge(NamedTuple):
    """A correlation of two factors: their values lie near a diagonal.

    Attributes:
      first: the name of a factor.
      second: the name of another.
      width: standard deviation around the diagonal, where each factor runs from 0 to 1.
      falling: whether the correlation is negative.
    """

    first: str
    second: str
    width: float
    falling: bool = False


# The settings of Roth et al. 2023 in their public code, by the name of the set.
CORRELATIONS: dict[str, dict[str, tuple[tuple[str, str], ...]]] = {
    "dsprites": {
        "single_1": (("shape", "scale"),),
        "single_2": (("pos_x", "pos_y"),),
        "single_3": (("shape", "pos_y"),),
        "double_1": (("shape", "pos_x"), ("scale", "pos_y")),
        "double_2": (("shape", "scale"), ("pos_x", "pos_y")),
    },
    "shapes3d": {
        "single_1": (("floor_hue", "wall_hue"),),
        "single_2": (("shape", "scale"),),
        "single_3": (("shape", "wall_hue"),),
        "single_4": (("shape", "object_hue"),),
        "double_1": (("scale", "floor_hue"), ("shape", "wall_hue")),
        "double_2": (("scale", "shape"), ("floor_hue", "wall_hue")),
        "double_3": (("shape", "object_hue"), ("shape", "scale")),
        "triple_1": (
            ("scale", "orientation"),
            ("shape", "wall_hue"),
            ("object_hue", "floor_hue"),
        ),
        "triple_2": (
            ("object_hue", "orientation"),
            ("shape", "scale"),
            ("floor_hue", "wall_hue"),
        ),
    },
    "mpi3d": {
        "single_1": (("camera_height", "background_colour"),),
        "single_2": (("object_colour", "object_size"),),
        "single_3": (("horizontal_axis", "vertical_axis"),),
        "double_1": (
            ("object_colour", "object_shape"),
            ("horizontal_axis", "vertical_axis"),
        ),
        "double_2": (
            ("object_colour", "horizontal_axis"),
            ("object_shape", "vertical_axis"),
        ),
        "triple_1": (
            ("object_colour", "background_colour"),
            ("camera_height", "horizontal_axis"),
            ("object_shape", "vertical_axis"),
        ),
        "triple_2": (
            ("object_colour", "object_shape"),
            ("horizontal_axis", "vertical_axis"),
            ("background_colour", "camera_height"),
        ),
    },
    "cars3d": {
        "single_1": (("elevation", "azimuth"),),
        "single_2": (("elevation", "object"),),
        "single_3": (("azimuth", "object"),),
    },
}


def weighted(
    image_set: ImageSet,
    weights: Float[np.ndarray, "..."],
    name: str | None = None,
) -> ImageSet:
    """A grid whose combinations of factors are sampled with given weights.

    `p(f) = w(f) / sum_g w(g)`. Images are drawn with replacement, one factor after the
    other: each from its exact distribution given the factors before it. Metrics that set
    factors themselves (FactorVAE, beta-VAE) need the grid without weights.

    Args:
      image_set: a full grid.
      weights: at least 0; one axis per factor, of its size, or of size 1 if the weights do
        not depend on that factor.
      name: of the new set; by default "<name>+weighted".

    Returns:
      The set; each image has the same position as in the grid.

    Raises:
      ValueError: if the set is not a full grid, or is already weighted; if the weights have
        another shape, are negative, not finite, or all 0.

    Example:
      >>> sprites = data.load("rendered_dsprites")
      >>> weights = np.array([1.0, 0.0, 3.0]).reshape(3, 1, 1, 1, 1)
      >>> mostly_hearts = data.weighted(sprites, weights)
      >>> index = mostly_hearts.draw(jax.random.key(0), 1000)
      >>> shape = mostly_hearts.factors(index)[:, 0]
      >>> (shape == 1).sum().item(), (shape == 2).mean().item() > 0.7
      (0, True)
    """
    weights = np.asarray(weights, np.float64)
    sizes = image_set.sizes
    if not image_set.is_grid:
        raise ValueError(f"{image_set.name!r} is not a full grid of its factors.")
    fits = weights.ndim == len(sizes) and all(
        found in (1, size) for found, size in zip(weights.shape, sizes, strict=True)
    )
    if not fits:
        raise ValueError(
            f"weights have shape {weights.shape}; expected {sizes}, or 1 for a factor "
            "that they do not depend on."
        )
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise ValueError("weights must be finite, at least 0, and not all 0.")
    weights = np.where(weights < _LEAST * weights.max(), 0.0, weights)
    columns = tuple(i for i, size in enumerate(weights.shape) if size > 1)
    joint = weights.reshape([weights.shape[i] for i in columns])
    # Computed in float64, stored as float32; log 0 = -inf is never drawn.
    with np.errstate(divide="ignore"):
        tables = [jnp.asarray(np.log(t), jnp.float32) for t in _conditionals(joint)]
        log_joint = jnp.asarray(np.log(joint), jnp.float32)
    return dataclasses.replace(
        image_set,
        arrays={**image_set.arrays, "conditionals": tables, "log_weights": log_joint},
        name=name or f"{image_set.name}+weighted",
        images_fn=None,
        draw_fn=_draw_fn(columns, sizes),
        redraw_fn=_redraw_fn(columns, sizes),
    )


def correlated(
    image_set: ImageSet, ridges: Sequence[Ridge], name: str | None = None
) -> ImageSet:
    """A grid in which pairs of factors are correlated.

    `p(f) ∝ Π_r exp(-(f_first - f_second)² / 2 width²)` over the ridges r, with each factor
    scaled to [0, 1]; in a falling ridge the difference is `f_first - (1 - f_second)`. A
    factor that is in no ridge is independent and uniform.

    Eq.: Träuble et al. 2021, (1)

    Args:
      image_set: a full grid.
      ridges: the pairs. A factor may be in several; one that is paired with all others
        is a confounder (Roth et al. 2023).
      name: of the new set; by default "<name>+correlated".

    Returns:
      The set.

    Raises:
      ValueError: if the set has no such factor, or the factor has a single value; if a
        width is not above 0.

    Example:
      >>> scenes = data.load("rendered_shapes3d")
      >>> ridge = data.Ridge("floor_hue", "wall_hue", 0.1)
      >>> hues = data.correlated(scenes, [ridge])
      >>> factors = hues.factors(hues.draw(jax.random.key(0), 1000))
      >>> abs(factors[:, 0] - factors[:, 1]).mean().item() < 1
      True
    """
    weights = np.ones([1] * len(image_set.sizes))
    for ridge in ridges:
        if not ridge.width > 0 or not np.isfinite(ridge.width):
            raise ValueError(f"width is {ridge.width:g}; expected a number above 0.")
        first, second = (_scaled(image_set, each) for each in ridge[:2])
        if ridge.first == ridge.second:
            raise ValueError(f"{ridge.first!r} cannot be correlated with itself.")
        distance = first - (1 - second if ridge.falling else second)
        weights = weights * np.exp(-(distance**2) / (2 * ridge.width**2))
    return weighted(image_set, weights, name or f"{image_set.name}+correlated")


def own_weights(sets: Sequence[ImageSet]) -> list[dict[str, Any]]:
    """The weights of sets that differ only in them, see `samplers.with_own_weights`."""
    first = sets[0]
    for each in sets:
        # The functions are cached by the factors that the weights depend on.
        same = all(
            getattr(each, field) == getattr(first, field)
            for field in ("sizes", "image_shape", "take_fn", "draw_fn")
        )
        if each.draw_fn is None or not same or _plain(each) != _plain(first):
            raise ValueError(
                f"the sets {first.name!r} and {each.name!r} cannot be drawn from by one "
                "program; expected the same set with the same factors correlated, such "
                "as +correlated(pos_x,pos_y,.1) and +correlated(pos_x,pos_y,.4). For "
                "factors that are almost independent, take a width of 100."
            )
    return [{name: each.arrays[name] for name in _WEIGHTS} for each in sets]


def with_weights(image_set: ImageSet, weights: dict[str, Any]) -> ImageSet:
    """A weighted set with the weights of another one, from `own_weights`."""
    return dataclasses.replace(image_set, arrays={**image_set.arrays, **weights})


def _plain(image_set: ImageSet) -> str:
    """The name of a set without its last variant, the correlation."""
    return image_set.name.rpartition("+")[0]


def read_ridges(image_set: ImageSet, kind: str, words: Sequence[str]) -> list[Ridge]:
    """Parses the ridges in a name such as "correlated(floor_hue,wall_hue,.1)".

    Args:
      image_set: the set whose name comes before this variant.
      kind: "correlated", "anticorrelated" or "confounded".
      words: the arguments in the parentheses: `factor,factor,width` for each ridge; or
        `setting,width` with a name of `CORRELATIONS`; for a confounder `factor,width`.

    Returns:
      The ridges.

    Raises:
      ValueError: if the arguments are wrong; the message says what is expected.

    Example:
      >>> scenes = data.load("rendered_shapes3d")
      >>> read_ridges(scenes, "correlated", ["single_2", ".1"])
      [Ridge(first='shape', second='scale', width=0.1, falling=False)]
    """
    falling = kind == "anticorrelated"
    names = image_set.factor_names
    settings = CORRELATIONS.get(image_set.base_name, {})
    if kind == "confounded" and len(words) == 2 and words[0] in names:
        width = _width(words[1])
        others = [
            name
            for name, size in zip(names, image_set.sizes, strict=True)
            if name != words[0] and size > 1
        ]
        return [Ridge(words[0], other, width) for other in others]
    if kind != "confounded" and len(words) == 2:
        if words[0] not in settings:
            hint = suggest(words[0], list(settings)) if settings else "It has none."
            raise ValueError(
                f"{image_set.name!r} has no setting {words[0]!r}; {hint} Or name two "
                f"factors: {kind}(factor,factor,width)."
            )
        width = _width(words[1])
        return [Ridge(*pair, width, falling) for pair in settings[words[0]]]
    if kind != "confounded" and words and len(words) % 3 == 0:
        thirds = zip(words[::3], words[1::3], words[2::3], strict=True)
        return [Ridge(a, b, _width(width), falling) for a, b, width in thirds]
    form = "factor,width" if kind == "confounded" else "factor,factor,width"
    raise ValueError(
        f"{kind}({','.join(words)}) is not of the form {kind}({form}); the factors are "
        f"{', '.join(names)}."
    )


def _width(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise ValueError(f"width is {word!r}; expected a number above 0.") from None


def _scaled(image_set: ImageSet, factor: str) -> Float[np.ndarray, "..."]:
    """The values of a factor from 0 to 1, along its own axis of the grid."""
    names = image_set.factor_names
    if factor not in names:
        raise ValueError(
            f"{image_set.name!r} has no factor {factor!r}; {suggest(factor, names)}"
        )
    column = names.index(factor)
    size = image_set.sizes[column]
    if size == 1:
        raise ValueError(f"{factor!r} has one value; it cannot be correlated.")
    shape = [1] * len(names)
    shape[column] = size
    return (np.arange(size) / (size - 1)).reshape(shape)


def _conditionals(joint: np.ndarray) -> list[np.ndarray]:
    """p(f1), p(f2 | f1), p(f3 | f1, f2) and so on; 0 if the condition never occurs."""
    tables = []
    for k in range(joint.ndim):
        marginal = joint.sum(axis=tuple(range(k + 1, joint.ndim)))
        total = marginal.sum(axis=-1, keepdims=True)
        tables.append(np.divide(marginal, total, where=total > 0, out=0 * marginal))
    return tables


# Cached, because a set's functions are part of compiled programs.
@functools.cache
def _draw_fn(columns: tuple[int, ...], sizes: tuple[int, ...]) -> Callable[..., Array]:
    def draw(
        arrays: dict[str, Any], key: Key[Array, ""], count: int
    ) -> Int[Array, "batch factor"]:
        keys = jax.random.split(key, len(sizes))
        found: dict[int, Array] = {}
        # One factor after the other, from its conditional given those already drawn.
        for column, table in zip(columns, arrays["conditionals"], strict=True):
            logits = table[tuple(found[c] for c in columns if c in found)]
            logits = jnp.broadcast_to(logits, (count, sizes[column]))
            found[column] = jax.random.categorical(keys[column], logits)
        for column, size in enumerate(sizes):
            if column not in found:
                found[column] = jax.random.randint(keys[column], (count,), 0, size)
        return jnp.stack([found[i] for i in range(len(sizes))], axis=1).astype(int)

    return draw


@functools.cache
def _redraw_fn(
    columns: tuple[int, ...], sizes: tuple[int, ...]
) -> Callable[..., Array]:
    def redraw(
        arrays: dict[str, Any],
        key: Key[Array, ""],
        factors: Int[Array, "batch factor"],
        changed: Bool[Array, "batch factor"],
        must_differ: bool,
    ) -> Int[Array, "batch factor"]:
        # A Gibbs sweep: each factor given all others. The joint distribution is stationary,
        # so both images of a pair have the correlations of the set. With `must_differ`
        # that is only approximate: excluding the old value favours rare ones.
        keys = jax.random.split(key, len(sizes))
        for column, size in enumerate(sizes):
            own = factors[:, column]
            logits = jnp.zeros((len(factors), size))
            if column in columns:
                at = [factors[:, c, None] for c in columns]
                at[columns.index(column)] = jnp.arange(size)[None]
                logits = arrays["log_weights"][tuple(at)]
            if must_differ:
                # Not -inf: if no other value is possible, the old one is kept.
                logits = jnp.where(jnp.arange(size) == own[:, None], -1e30, logits)
            new = jax.random.categorical(keys[column], logits)
            factors = factors.at[:, column].set(jnp.where(changed[:, column], new, own))
        return factors

    return redraw
