"""The report page of a run: results and pictures in one self-contained file."""

from __future__ import annotations

import datetime
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dis_jax import training
from dis_jax.data import ImageSet
from dis_jax.figures.latents import UNUSED_KL, kl_per_dimension
from dis_jax.figures.page import Section, render_page
from dis_jax.figures.report_inputs import Subject, make_subject
from dis_jax.figures.score_choice import chosen, other_code
from dis_jax.figures.sections import SECTIONS
from dis_jax.files import file_name
from dis_jax.methods import Method, State

_NUM_SCORES = 4  # at the top; the table has them all


def write_report(
    workdir: str | os.PathLike[str],
    method: Method,
    state: State,
    config: Any,
    image_set: ImageSet,
    *,
    test_set: ImageSet | None = None,
    member: int = 0,
    num_examples: int = 2048,
    out: str | os.PathLike[str] | None = None,
    sections: Sequence[Callable[[Subject], Section]] = SECTIONS,
) -> pathlib.Path:
    """Writes the page `report.html` and its pictures in `figures/`.

    For member 3 of a population: `report_member3.html` and `figures/member3/`.

    The page is self-contained: it can be sent by mail and opened anywhere. It shows the
    sections that apply to the method, and lists the absent ones with the reason. The log
    (`metrics.jsonl`) and the scores (`evaluation/*.json`) are read from the folder; later
    log lines and scores of other steps are left out.

    Args:
      workdir: the run's folder.
      method: the method, as `training.restore` returns it.
      state: its trained state; with a leading axis for a population.
      config: the run's settings.
      image_set: the images to encode and show.
      test_set: for methods that learn from pairs, the images of `config.test_split`.
      member: which member of a population is reported.
      num_examples: images that are encoded for ranges and averages.
      out: the folder of the page; by default that of the run.
      sections: functions that make the sections, in their order on the page.

    Returns:
      The path of the page.

    Raises:
      ValueError: if there is no such member, a log or a score cannot be read, or the
        method returns codes or images that are not finite.
    """
    workdir = pathlib.Path(workdir)
    subject = make_subject(
        workdir,
        method,
        state,
        config,
        image_set,
        test_set=test_set,
        member=member,
        num_examples=num_examples,
    )
    made = [section(subject) for section in sections]
    folder = workdir if out is None else pathlib.Path(out)
    which = "" if subject.member is None else f"member{subject.member}"
    pictures = folder / "figures" / which
    pictures.mkdir(parents=True, exist_ok=True)
    for section in made:
        for name, data in section.files.items():
            (pictures / file_name(name)).write_bytes(data)
    title = f"{subject.name} on {image_set.name}"
    facts = _facts(subject)
    if training.stopped_at(workdir, state, subject.member) is not None:
        facts["steps"] += " (diverged later)"
    html = render_page(title, _settings(subject), facts, made)
    page = folder / ("_".join(filter(None, ("report", which))) + ".html")
    page.write_text(html, encoding="utf-8")
    return page


def _settings(subject: Subject) -> str:
    """Seed and hyperparameters of this member, in one line."""
    own = training.members(subject.config)[subject.member or 0]
    values = {"seed": own.seed, **own.hparams}
    line = ", ".join(f"{name.replace('_', ' ')} {v:g}" for name, v in values.items())
    return line if subject.member is None else f"member {subject.member}: {line}"


def _facts(subject: Subject) -> dict[str, str]:
    """The key numbers at the top of the page."""
    facts = {"steps": f"{int(subject.state.step):,}"}
    # Members train together, so time and speed are those of all.
    whose = "" if subject.member is None else " of all members"
    if "time" in subject.curves:
        seconds = subject.curves["time"].value[-1]
        facts[f"training time{whose}"] = str(datetime.timedelta(seconds=round(seconds)))
    if "steps_per_second" in subject.curves:
        speed = subject.curves["steps_per_second"].value
        facts[f"steps per second{whose}"] = f"{np.median(speed):,.3g}"
    if "loss" in subject.curves:
        loss = subject.curves["loss"].value[-1]
        facts["loss (nats)"] = f"{np.atleast_1d(loss)[subject.member or 0]:.2f}"
    for name, code in subject.gaussians.items():
        kl = kl_per_dimension(*code)
        label = "active dimensions" + (
            f", {name}" if len(subject.gaussians) > 1 else ""
        )
        used = (kl >= UNUSED_KL).sum()
        facts[label] = f"{used} of {len(kl)} (KL at least {UNUSED_KL:g} nats)"
    return facts | dict(list(_scores(subject).items())[:_NUM_SCORES])


def _scores(subject: Subject) -> dict[str, str]:
    """The model's scores by metric, and by code if it is not the default one."""
    found = {}
    for metric, evaluation in chosen(subject).items():
        score = evaluation["metrics"][metric]["result"].get("score")
        code = other_code(subject, evaluation)
        label = metric.replace("_", " ") + (f", code {code}" if code else "")
        if score is not None:
            found[label] = f"{score:.3f}"
    return found
