"""Figures of numbers: bars, scatters, scores over a hyperparameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from dis_jax.figures._axes import (
    checked_names,
    checked_vector,
    distinct_colours,
    empty_axes,
    outside_legend,
)
from dis_jax.markup import escape_math

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def kl_bars(kl: Float[Any, " latent"], *, names: Sequence[str] | None = None) -> Figure:
    """Bars of the KL of each latent dimension, in nats, in the order given.

    Args:
      kl: (latent,), nats, from `kl_per_dimension`.
      names: a name for each; z0, z1, ... by default.

    Returns:
      A matplotlib figure.

    Raises:
      ValueError: if `kl` is not (latent,), or names do not fit.

    Example:
      >>> bars = kl_bars(np.array([2.0, 0.5])).axes[0].patches
      >>> [float(bar.get_width()) for bar in bars]
      [2.0, 0.5]
    """
    kl = checked_vector("kl", kl)
    names = checked_names("names", names, len(kl), "z{}")
    figure, axes = empty_axes(5, 0.6 + 0.24 * len(kl))
    axes.barh(range(len(kl)), kl, height=0.7)
    axes.set_yticks(range(len(kl)), [*map(escape_math, names)])
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
    for row, value in enumerate(kl):
        axes.annotate(
            f"{value:.2f}",
            (value, row),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
        )
    axes.set_xlim(0, max(1e-6, 1.12 * kl.max()))
    axes.set_xlabel("KL (nats)")
    return figure


def prior_bars(
    prior: Float[Any, " category"],
    truth: Float[Any, " category"],
    *,
    names: Sequence[str] | None = None,
) -> Figure:
    """Bars of a learned class prior next to the true class frequencies.

    Args:
      prior: (category,), probabilities, in the order of the classes.
      truth: (category,), frequencies of the classes.
      names: a name for each class; 0, 1, ... by default.

    Returns:
      A matplotlib figure.

    Raises:
      ValueError: if the two differ in shape or one does not sum to 1, or names do not
        fit.

    Example:
      >>> figure = prior_bars(np.array([0.5, 0.5]), np.array([0.25, 0.75]))
      >>> [float(bar.get_height()) for bar in figure.axes[0].patches]
      [0.5, 0.5, 0.25, 0.75]
    """
    prior, truth = checked_vector("prior", prior), checked_vector("truth", truth)
    if prior.shape != truth.shape:
        raise ValueError(f"truth has shape {truth.shape}; expected {prior.shape}.")
    for name, values in {"prior": prior, "truth": truth}.items():
        if abs(values.sum() - 1) > 1e-3:
            raise ValueError(f"{name} sums to {values.sum():g}; expected 1.")
    names = checked_names("names", names, len(prior), "{}")
    figure, axes = empty_axes(1.5 + 0.45 * len(prior), 2.6)
    at = np.arange(len(prior))
    axes.bar(at - 0.2, prior, 0.4, label="prior")
    axes.bar(at + 0.2, truth, 0.4, label="truth")
    axes.set_xticks(at, [*map(escape_math, names)])
    axes.grid(False, axis="x")
    axes.tick_params(axis="x", length=0)
    axes.set_xlabel("class")
    axes.set_ylabel("probability")
    outside_legend(figure)
    return figure


def scatter(
    points: Float[Any, "batch 2"],
    labels: Int[Any, " batch"],
    *,
    names: Sequence[str] | None = None,
    title: str = "",
) -> Figure:
    """Points in the plane, coloured by label: two latent dimensions, or a t-SNE.

    Args:
      points: (batch, 2).
      labels: (batch,), integers from 0.
      names: a name for each label; the numbers by default.
      title: above the figure.

    Returns:
      A matplotlib figure.

    Raises:
      ValueError: if the shapes do not fit, or a label has no name.

    Example:
      >>> figure = scatter(np.random.randn(6, 2), np.array([0, 0, 1, 1, 2, 2]))
      >>> len(figure.axes[0].collections)
      3
    """
    points, labels = np.asarray(points), np.asarray(labels)
    if points.shape != (len(labels), 2) or labels.ndim != 1:
        raise ValueError(
            f"points has shape {points.shape} and labels {labels.shape}; expected "
            "(batch, 2) and (batch,)."
        )
    present = np.unique(labels)
    if names is not None and not 0 <= present[0] <= present[-1] < len(names):
        raise ValueError(
            f"labels run from {present[0]} to {present[-1]}; names has {len(names)}."
        )
    figure, axes = empty_axes(4.6, 4)
    colours = distinct_colours(len(present))
    for colour, label in zip(colours, present, strict=True):
        name = escape_math(str(label if names is None else names[label]))
        x, y = points[labels == label].T
        axes.scatter(x, y, s=9, color=colour, alpha=0.75, linewidths=0, label=name)
    axes.set(title=escape_math(title), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    outside_legend(figure)
    return figure


def tsne(
    codes: Float[Any, "batch latent"], *, perplexity: float = 30.0, seed: int = 0
) -> Float[np.ndarray, "batch 2"]:
    """t-SNE embedding of codes in the plane.

    Eq.: van der Maaten & Hinton 2008, (5)

    Args:
      codes: (batch, latent); some thousands at most.
      perplexity: about how many neighbours a code has; less than the batch.
      seed: of the optimisation.

    Returns:
      (batch, 2), for `scatter`.

    Raises:
      ValueError: if `codes` is not a matrix, or has no more rows than `perplexity`.

    Example:
      >>> tsne(np.random.randn(12, 3), perplexity=3).shape
      (12, 2)
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    codes = np.asarray(codes)
    if codes.ndim != 2 or len(codes) <= perplexity:
        raise ValueError(
            f"codes has shape {codes.shape}; expected (batch, latent) with more than "
            f"{perplexity:g} rows. Lower `perplexity` or give more codes."
        )
    layout = TSNE(perplexity=perplexity, random_state=seed, init="pca")
    # On a busy machine, its threads wait for each other in each of 1,000 steps.
    with threadpool_limits(1):
        return layout.fit_transform(codes)


def score_lines(
    parameter: Float[Any, " runs"],
    scores: Mapping[str, Float[Any, " runs"]],
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    reference: float | None = None,
) -> Figure:
    """Scores over a hyperparameter: mean over runs at each value, with a band of one std.

    Args:
      parameter: (runs,), the hyperparameter of each run: beta, gamma.
      scores: (runs,) scores by line name: overall, and one line for each factor.
      xlabel: the name of the hyperparameter.
      ylabel: the name of the score.
      title: above the figure.
      reference: a value to compare with, such as the true one: a dashed line.

    Returns:
      A matplotlib figure; each value of the parameter has its tick.

    Raises:
      ValueError: if there is no score, or a score does not have one value per run.

    Example:
      >>> beta = np.array([1, 1, 4, 4])
      >>> figure = score_lines(
      ...     beta, {"shape": np.array([0, 2, 3, 5])}, xlabel="beta", ylabel="OMES"
      ... )
      >>> figure.axes[0].lines[0].get_ydata().tolist()
      [1.0, 4.0]
    """
    parameter = checked_vector("parameter", parameter)
    if not scores:
        raise ValueError("scores is empty; expected (runs,) values by name.")
    values = np.unique(parameter)
    figure, axes = empty_axes(5, 3.2)
    at = np.arange(len(values))
    for colour, (name, score) in zip(
        distinct_colours(len(scores)), scores.items(), strict=True
    ):
        score = np.asarray(score, float)
        if score.shape != parameter.shape:
            raise ValueError(
                f"scores[{name!r}] has shape {score.shape}; expected {parameter.shape}."
            )
        groups = [score[parameter == value] for value in values]
        mean = np.array([group.mean() for group in groups])
        std = np.array([g.std(ddof=1) if len(g) > 1 else 0.0 for g in groups])
        axes.plot(at, mean, "o-", color=colour, markersize=4, label=escape_math(name))
        axes.fill_between(at, mean - std, mean + std, color=colour, alpha=0.15, lw=0)
    if reference is not None:
        axes.axhline(reference, color="0.5", linestyle="--", linewidth=1)
    axes.set_xticks(at, [f"{value:g}" for value in values])
    axes.set(
        title=escape_math(title), xlabel=escape_math(xlabel), ylabel=escape_math(ylabel)
    )
    outside_legend(figure)
    return figure
