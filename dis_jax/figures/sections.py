"""The sections of a report page: functions of a `Subject`, in the order of the page.

To add a section, add a function to `SECTIONS`. If something that it needs is missing (a
Gaussian code, a decoder, a score), the function returns a section without a body, with
the reason.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dis_jax import shipped, training
from dis_jax.evaluation import METRICS
from dis_jax.evaluation.records import (
    baseline_names,
    chance_heads,
    factors_note,
    format_score,
    interval_and_null,
    left_out_lines,
    scalars,
)
from dis_jax.evaluation.registry import LABEL_FREE
from dis_jax.figures import page
from dis_jax.figures.category_sections import classes, generated
from dis_jax.figures.charts import kl_bars
from dis_jax.figures.curves import loss_curves, running_mean_width
from dis_jax.figures.group_sections import code_maps, paths, swaps
from dis_jax.figures.latents import (
    UNUSED_KL,
    by_kl,
    kl_per_dimension,
    reconstructions,
)
from dis_jax.figures.matrices import matrix
from dis_jax.figures.page import Section
from dis_jax.figures.pair_sections import retrieval
from dis_jax.figures.pixels import to_png, to_uint8
from dis_jax.figures.report_inputs import Subject
from dis_jax.figures.result_axes import matrices, vectors
from dis_jax.figures.traversal_sections import (
    categories,
    dimension_name,
    traversal,
)
from dis_jax.markup import escape_html
from dis_jax.provenance import provenance

_NUM_RECONSTRUCTIONS = 20
_FIRST = ("method", "dataset", "split", "seed", "steps", "batch_size")
_THROUGHPUT = ("time", "steps_per_second")


def scores(subject: Subject) -> Section:
    """A table of all numbers in the state's evaluations, with settings folded away."""
    title, command = "Scores", shipped.command("evaluate")
    if not subject.evaluations:
        missing = f"no evaluation of this step yet; run {command}."
        if (subject.factors == -1).any(axis=0).all():  # or there is no factor
            missing = (
                "no evaluation of this step yet. These images have no labels; "
                f"{command} --metrics={','.join(LABEL_FREE)} needs none."
            )
        return Section(title, missing)
    return Section(
        title,
        "Each score measures how well single dimensions of the code correspond to single "
        "factors of the data; 1 is best unless stated below its name. Probe accuracies "
        "should be 1 for labels that a code should encode, and at chance otherwise. "
        "Compare scores only if their settings agree.",
        "".join(_evaluation(name, e) for name, e in subject.evaluations.items()),
    )


def reconstruction(subject: Subject) -> Section:
    """Images and their reconstructions."""
    title = "Reconstructions"
    if subject.decode is None:
        return Section(title, f"{subject.name} has no decoder.")
    images = subject.images[:_NUM_RECONSTRUCTIONS]
    points = {name: p[: len(images)] for name, p in subject.points.items()}
    decoded = subject.decode(points)
    pairs = np.stack([to_uint8(images), to_uint8(decoded)], axis=1)
    return Section(
        title,
        "Top: image. Bottom: its reconstruction. Detail that is missing below is not in "
        "the code, or not decoded.",
        page.tiles(pairs, ["image", "reconstruction"]),
        {"reconstructions.png": to_png(reconstructions(images, decoded))},
    )


def latent_dimensions(subject: Subject) -> Section:
    """KL of each latent dimension, in nats."""
    title = "Latent dimensions"
    if not subject.gaussians:
        return Section(title, f"{subject.name} has no Gaussian code.")
    body, files = "", {}
    for name in subject.gaussians:
        kl = kl_per_dimension(*subject.gaussians[name])
        order = by_kl(kl)
        names = [dimension_name(name, j) for j in order]
        draw = functools.partial(kl_bars, kl[order], names=names)
        body += page.chart(draw, f"KL of each dimension of {name}")
        used = (kl >= UNUSED_KL).sum()
        body += (
            f'<p class="note">{used} of {len(kl)} dimensions are active (KL at least '
            f"{UNUSED_KL:g} nats); the total KL is {kl.sum():.1f} nats.</p>"
        )
        files[f"kl_{name}.png"] = to_png(draw())
    return Section(
        title,
        "KL divergence of each latent dimension from the prior, averaged over "
        f"{len(subject.images):,} images. A dimension near 0 is inactive: its posterior "
        "equals the prior for every image.",
        body,
        files,
    )


def factors(subject: Subject) -> Section:
    """Heat maps of metrics that relate latent dimensions to factors."""
    title = "Codes and factors"
    body, files = "", {}
    for evaluation in subject.evaluations.values():
        code = evaluation.get("source", {}).get("code") or subject.method.code
        rows = [
            dimension_name(code, j) for j in range(evaluation.get("num_latents", 0))
        ]
        for metric in evaluation.get("metrics", {}):
            for field, values in matrices(evaluation, metric).items():
                draw = functools.partial(
                    matrix,
                    values,
                    rows=rows,
                    columns=evaluation["factor_names"],
                    title=f"{metric}: {field.replace('_', ' ')}",
                )
                body += page.chart(draw, f"{field} of each dimension and each factor")
                files[f"{metric}_{field}.png"] = to_png(draw())
    if not body:
        return Section(
            title, "no evaluation contains a matrix of dimensions and factors."
        )
    return Section(
        title,
        "Rows are dimensions of the code, columns are factors of the data. In a "
        "disentangled code each column has one large entry, in a row of its own.",
        f'<div class="side">{body}</div>',
        files,
    )


def training_curves(subject: Subject) -> Section:
    """Every logged quantity over training."""
    title = "Training"
    curves = {n: c for n, c in subject.curves.items() if n != "time"}
    if not curves:
        return Section(title, "metrics.jsonl is missing or empty.")
    records = max(len(curve.step) for curve in curves.values())
    if records < 2:
        return Section(title, "metrics.jsonl has one line; curves need two.")
    charts = [
        page.chart(
            lambda name=name: loss_curves(
                curves, names=[name], member=subject.member, columns=1
            ),
            f"{name} over training",
        )
        for name in sorted(curves, key=lambda name: name in _THROUGHPUT)
    ]
    about = "Logged quantities over training; losses in nats per image."
    if running_mean_width(records) > 1:
        about += " The thick line is a running mean."
    if subject.member is not None:
        about += " Grey: other members of the population."
    return Section(
        title,
        about,
        f'<div class="charts">{"".join(charts)}</div>',
        {"loss_curves.png": to_png(loss_curves(curves, member=subject.member))},
    )


def configuration(subject: Subject) -> Section:
    """All settings of the run."""
    config = subject.config.to_dict()
    about = "All settings of the run, as in its config.json."
    if subject.member is not None:
        own = training.members(subject.config)[subject.member]
        config |= {"seed": own.seed, "hparams": dict(own.hparams)}
        config["sampler"] = {**config["sampler"], **own.sampler}
        config["dataset"] = own.dataset or config["dataset"]
        about = (
            "All settings of the run. Seed, hyperparameters and data are those of "
            f"member {subject.member}; config.json lists those of the whole population."
        )
    nested = {k: v for k, v in config.items() if isinstance(v, Mapping)}
    general = {k: config[k] for k in _FIRST if k in config} | config
    groups = {"run": {k: v for k, v in general.items() if k not in nested}, **nested}
    return Section(
        "Configuration",
        about,
        page.definitions({k: flat_settings(v) for k, v in groups.items() if v}),
    )


def environment(subject: Subject) -> Section:
    """Versions and hardware of the training and of this page."""
    now, then = provenance(), subject.trained_with
    rows = [
        [name, _text(then.get(part, {}).get(name)), _text(now[part].get(name))]
        for part in ("hardware", "versions")
        for name in {**now[part], **then.get(part, {})}
    ]
    return Section(
        "Environment",
        "Versions and hardware of the training and of this page.",
        page.table(["", "training", "this page"], rows),
    )


SECTIONS: tuple[Callable[[Subject], Section], ...] = (
    scores,
    reconstruction,
    traversal,
    categories,
    generated,
    classes,
    swaps,
    paths,
    code_maps,
    retrieval,
    latent_dimensions,
    factors,
    training_curves,
    configuration,
    environment,
)


def _evaluation(name: str, evaluation: Mapping[str, Any]) -> str:
    names = evaluation.get("factor_names", [])
    baselines, over = baseline_names(evaluation), factors_note(evaluation)
    chance = chance_heads(evaluation)
    rows, notes, by_factor, settings = [], [], [], []
    for metric, entry in evaluation.get("metrics", {}).items():
        label = metric
        found = entry.get("baselines", {})
        for field, value in scalars(entry).items():
            others = [format_score(found.get(b, {}).get(field)) for b in baselines]
            spread = interval_and_null(entry, field)[: len(chance)]
            rows.append([label, field.replace("_", " "), value, *spread, *others])
            notes.append(
                " ".join([about_metric(metric), over]).strip() if label else ""
            )
            label = ""
        for field, value in vectors(evaluation, metric).items():
            what = f"{metric} {field.replace('_', ' ')}"
            by_factor.append([what, *map(_number, value)])
        for setting, value in entry.get("settings", {}).items():
            settings.append([metric, setting, f"{value}"])
    heads = ["metric", "quantity", "value", *chance, *baselines]
    html = page.table(heads, rows, notes)
    for line in left_out_lines(evaluation):
        html += f'<p class="note">{escape_html(line)}</p>'
    if by_factor:
        html += page.table(["by factor", *names], by_factor)
    sample = [
        f"{evaluation[key]:,} {what}"
        for key, what in {"num_codes": "codes", "num_test": "held out"}.items()
        if key in evaluation
    ]
    source = evaluation.get("source", {})
    origin = [f"{k} {v}" for k, v in source.items() if v is not None]
    date = _date(evaluation.get("date", ""))
    about = ", ".join([f"{name}.json", *origin, *sample, date])
    folded = page.details(
        "Settings", page.table(["metric", "setting", "value"], settings)
    )
    return f'<p class="note">{escape_html(about)}</p>{html}{folded}'


def _date(text: str) -> str:
    """`2026-01-02T03:04:05+00:00` as `2026-01-02 03:04 UTC`."""
    return f"{text[:16].replace('T', ' ')} UTC" if text.endswith("+00:00") else text


def about_metric(metric: str) -> str:
    """The first line of a metric's docstring, and the best score where it is not 1."""
    if (known := METRICS.get(metric)) is None:
        return ""
    line = (known.fn.__doc__ or "").split("\n")[0]
    return f"{line} {known.best}." if known.best else line


def _number(value: float | None) -> str:
    if value is None:
        return "not finite"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def flat_settings(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Leaves of nested settings under dotted names."""
    flat = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= flat_settings(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = _text(value)
    return flat


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(str, value)) or "\u2013"
    return "\u2013" if value is None or value == "" else str(value)
