"""The page of solved visual analogies."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from typing import Any

from dis_jax.data import ImageSet, NarProblems
from dis_jax.figures import page
from dis_jax.figures.mask_sections import problem_picture, program_name
from dis_jax.figures.page import Section, render_page
from dis_jax.studies import Answers

_ABOUT = {
    "genetic": "Genetic search for a step that maps the examples' inputs to outputs.",
    "genetic_options": "Genetic search for a step from the query to any of the options; "
    "ignores the examples.",
    "cma_es": "CMA-ES of evosax, with the fitness of the genetic search.",
    "random": "The best of random steps, as many as the genetic search evaluates.",
    "gradient": "Gradient descent through the decoder, starting from no step.",
    "latent_difference": "The mean difference between example codes; no search.",
    "no_step": "The option nearest to the reconstructed query.",
    "reconstruction": "Given the code of the solution: an upper bound for all solvers.",
}


def write_analogy_page(
    path: str | os.PathLike[str],
    image_set: ImageSet,
    problems: NarProblems,
    answers: Mapping[str, Answers],
    entries: Mapping[str, Mapping[str, Any]],
    *,
    shown: int = 6,
) -> pathlib.Path:
    """Writes the accuracies, and for each solver some problems with its answers.

    Args:
      path: the file, `.html`.
      image_set: renders the boards.
      problems: the problems.
      answers: by solver.
      entries: by solver, `result` of `studies.accuracy_by_length`, and `seconds`.
      shown: problems for each solver, the first ones.

    Returns:
      The path.
    """
    sections = [Section("Accuracy", "Chance is 25 %.", _table(entries))]
    for name, found in answers.items():
        body = ""
        for i in range(min(shown, len(found.choice))):
            picture = problem_picture(
                *(image_set, problems, i),
                found=found.found[i].clip(0, 1),
                choice=int(found.choice[i]),
            )
            verdict = "correct" if found.correct[i] else "wrong"
            body += f"<h3>{program_name(problems.program[i])}: {verdict}</h3>"
            body += page.picture(picture, f"an analogy, {verdict}")
        about = _ABOUT.get(name, "")
        sections.append(Section(name.replace("_", " "), about, body))
    facts = {"problems": f"{len(problems.query):,}", "boards": image_set.name}
    html = render_page("Visual analogies", "", facts, sections)
    path = pathlib.Path(path)
    path.write_text(html, encoding="utf-8")
    return path


def _table(entries: Mapping[str, Mapping[str, Any]]) -> str:
    lengths = sorted({n for e in entries.values() for n in e["result"]["by_length"]})
    rows = []
    for name, entry in entries.items():
        found = entry["result"]
        by_length = (found["by_length"].get(n) for n in lengths)
        rows.append(
            [
                name.replace("_", " "),
                f"{100 * found['accuracy']:.1f} %",
                f"{100 * found['low']:.1f} to {100 * found['high']:.1f}",
                *(
                    f"{100 * cell['accuracy']:.1f}" if cell else ""
                    for cell in by_length
                ),
                f"{entry['seconds']:.1f}",
            ]
        )
    heads = [f"length {n}" for n in lengths]
    return page.table(["solver", "accuracy", "95 % interval", *heads, "seconds"], rows)
