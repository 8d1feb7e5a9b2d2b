"""The card of an exported model: description, training, scores, use."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from dis_jax import shipped
from dis_jax.data import ImageSet
from dis_jax.evaluation.records import scalars
from dis_jax.figures.report_inputs import Subject, make_subject, read_evaluations
from dis_jax.figures.score_choice import definition
from dis_jax.figures.sections import reconstruction, traversal
from dis_jax.files import write_whole
from dis_jax.methods import Method, State

_CARD = """\
---
library_name: dis_jax
tags:
- disentanglement
- {method}
- {dataset}
---

# {method} on {dataset}

{what}

Trained for {steps:,} steps of {batch} examples, seed {seed}{which}, by

```shell
{command}
```
{schedule}{pictures}
## Scores

{scores}

## Use

```python
from dis_jax import evaluation, training

# this folder, or "hf://owner/name"
method, state, config = training.restore("{folder}")
encode = evaluation.code_fn(method, state)  # images (batch, {shape}) -> codes
```

`config.json` contains all settings. `model.safetensors` contains the weights of encoder and
decoder, without the optimiser. docs/weights.md of dis_jax reads them in NumPy and PyTorch.
"""

_NO_COMMAND = "# not recorded: trained from Python, or by a transfer study"


def write_model_card(
    out: str | os.PathLike[str],
    workdir: str | os.PathLike[str],
    method: Method,
    state: State,
    config: Any,
    image_set: ImageSet,
    *,
    member: int | None = None,
    num_examples: int = 1024,
) -> pathlib.Path:
    """Writes `README.md` and its pictures next to an exported model.

    Scores are those of the default code, from the run's `evaluation/*.json` of the same
    step. For a metric that was computed with several seeds, the card shows the mean and
    the range.

    Args:
      out: the folder of the exported model.
      workdir: the run's folder.
      method: the method.
      state: of one model.
      config: of the run.
      image_set: the images for the pictures.
      member: which member of a population it is, None for a single model.
      num_examples: images that are encoded for the ranges of the traversals.

    Returns:
      The path of `README.md`.
    """
    out, workdir = pathlib.Path(out), pathlib.Path(workdir)
    subject = make_subject(
        *(workdir, method, state, config, image_set),
        member=0,
        num_examples=num_examples,
    )
    which = "" if member is None else f", member {member} of the population"
    path = workdir / "command.txt"
    command = (
        path.read_text(encoding="utf-8").strip() if path.is_file() else _NO_COMMAND
    )
    evaluations = {
        name: evaluation
        for name, evaluation in read_evaluations(
            workdir, int(state.step), member
        ).items()
        if evaluation.get("source", {}).get("code") in (None, method.code)
    }
    text = _CARD.format(
        method=config.method,
        dataset=config.dataset,
        what=_what(config.method),
        steps=int(state.step),
        batch=config.batch_size,
        seed=config.seed,
        which=which,
        command=command,
        schedule=_schedule(config, int(state.step)),
        pictures=_pictures(out, subject),
        scores=_scores(evaluations),
        folder=out.name,
        shape=", ".join(map(str, image_set.image_shape)),
    )
    write_whole(out / "README.md", text)
    return out / "README.md"


def _what(method: str) -> str:
    """The first line of the docstring of the shipped config of a method."""
    if method not in shipped.names("configs"):
        return "A custom method, not part of dis_jax."
    return (shipped.load("configs", method).__doc__ or "").partition("\n")[0]


def _schedule(config: Any, steps: int) -> str:
    """A sentence if the run has fewer steps than the shipped config, else empty."""
    if config.method not in shipped.names("configs"):
        return ""
    full = shipped.load("configs", config.method).get_config(config.dataset).steps
    if steps >= full:
        return ""
    return f"\nThis is a short schedule: the config's own has {full:,} steps.\n"


def _pictures(out: pathlib.Path, subject: Subject) -> str:
    """Writes the still pictures of traversals and reconstructions; shows them."""
    lines = [""]
    for section in (traversal(subject), reconstruction(subject)):
        for name, data in section.files.items():
            if name.endswith(".png"):
                (out / name).write_bytes(data)
                lines += [f"![{section.title}]({name})", ""]
    return "\n".join(lines)


def _scores(evaluations: Mapping[str, Mapping[str, Any]]) -> str:
    """A table of all scalar scores, over the seeds of their evaluations."""
    lines = []
    for metric, entries in _by_seed(evaluations).items():
        for field in scalars(entries[-1]):
            values = _numbers(entry["result"].get(field) for entry in entries)
            if not values:
                continue
            chance = _numbers(
                entry.get("baselines", {}).get("chance", {}).get(field)
                for entry in entries
            )
            beside = f"{np.mean(chance):.3f}" if chance else ""
            spread = _interval(entries[0], field) if len(entries) == 1 else ""
            lines.append(f"| {metric} | {field} | {_mean(values)}{spread} | {beside} |")
    if not lines:
        return "Not evaluated."
    intervals = " [95 %]" if any(" [" in line for line in lines) else ""
    head = [f"| metric | score | value{intervals} | chance |", "|---|---|---|---|"]
    return "\n".join([*head, *lines])


def _by_seed(
    evaluations: Mapping[str, Mapping[str, Any]],
) -> dict[str, list[Mapping[str, Any]]]:
    """For each metric, the last result of each seed, all with the same definition.

    The definition is that of the last evaluation: with other factors, kinds, settings or
    numbers of rows, a metric is a different one.
    """
    found: dict[str, dict[str, dict[int, Mapping[str, Any]]]] = {}
    for evaluation in sorted(evaluations.values(), key=lambda e: e.get("date", "")):
        for metric, entry in evaluation["metrics"].items():
            given = json.dumps(definition(evaluation, metric), sort_keys=True)
            of_metric = found.setdefault(metric, {})
            of_seeds = of_metric.pop(given, {})  # the last definition comes last
            of_metric[given] = of_seeds | {evaluation.get("seed", 0): entry}
    return {
        metric: [*[*of_metric.values()][-1].values()]
        for metric, of_metric in found.items()
    }


def _numbers(values: Iterable[Any]) -> list[float]:
    return [value for value in values if isinstance(value, int | float)]


def _interval(entry: Mapping[str, Any], field: str) -> str:
    """The 95 % interval of a single seed with resamples."""
    score = entry.get("resamples", {}).get("scores", {}).get(field)
    return f" [{score['low']:.3f}, {score['high']:.3f}]" if score else ""


def _mean(values: list[float]) -> str:
    """The mean of several seeds with their range."""
    mean = f"{np.mean(values):.3f}"
    if len(values) == 1:
        return mean
    return f"{mean} ({min(values):.3f} to {max(values):.3f}, {len(values)} seeds)"
