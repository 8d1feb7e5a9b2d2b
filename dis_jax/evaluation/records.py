"""Scores as they are written, read and shown."""

from __future__ import annotations

import datetime
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from dis_jax.provenance import provenance

FORMAT = "dis_jax.evaluation"
VERSION = 1


def record(entries: Mapping[str, Any], **about: Any) -> dict[str, Any]:
    """Scores as they are written, and read by `format_table` and the report.

    Args:
      entries: by name, each with `result` (a mapping), `settings` and `seconds`.
      **about: whatever else made the scores what they are.

    Returns:
      A dict ready for JSON, with the date, the versions and the hardware.

    Example:
      >>> from dis_jax import evaluation
      >>> entry = {"result": {"score": 0.5}, "settings": {}, "seconds": 0.1}
      >>> sorted(evaluation.record({"mine": entry}, seed=0))[:4]
      ['date', 'format', 'hardware', 'metrics']
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "metrics": entries,
        **about,
        **provenance(),
    }


def format_table(result: Mapping[str, Any]) -> str:
    """The scalar scores of an evaluation as lines of text.

    Args:
      result: what `evaluate` or `evaluate_codes` returned.

    Returns:
      A table with a line a score: metric, score, value, seconds; below it, what was left
      out and why.

    Example:
      >>> from dis_jax import evaluation
      >>> result = {"metrics": {"mig": {"result": {"score": 0.5}, "seconds": 0.01}}}
      >>> print(evaluation.format_table(result))
      metric  score   value  seconds
      mig     score  0.5000     0.01
    """
    rows = [("metric", "score", "value", "seconds")]
    for name, entry in result["metrics"].items():
        scalars = {
            k: v
            for k, v in entry["result"].items()
            if isinstance(v, int | float) and not isinstance(v, bool)
        }
        for i, (field, value) in enumerate(scalars.items()):
            label, seconds = (name, f"{entry['seconds']:.2f}") if i == 0 else ("", "")
            rows.append((label, field, f"{value:.4f}", seconds))
    a, b, c, d = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = [f"{i:<{a}}  {j:<{b}}  {k:>{c}}  {m:>{d}}" for i, j, k, m in rows]
    lines += [f"left out: {reason}" for reason in result.get("left_out", {}).values()]
    return "\n".join(line.rstrip() for line in lines)


def new_file(
    folder: str | os.PathLike[str], name: str, overwrite: bool = False
) -> pathlib.Path:
    """The path of a result that is to be written; makes the folder.

    Args:
      folder: where it goes.
      name: its name, without ".json".
      overwrite: whether it may replace one that is there.

    Returns:
      The path.

    Raises:
      FileExistsError: if there is such a file and `overwrite` is not set.

    Example:
      >>> import tempfile
      >>> from dis_jax import evaluation
      >>> evaluation.new_file(tempfile.mkdtemp(), "mig_seed0").name
      'mig_seed0.json'
    """
    path = pathlib.Path(folder) / f"{name}.json"
    if path.exists() and not overwrite:
        raise FileExistsError(
            f"{path} exists; --overwrite (overwrite=True) replaces it."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
