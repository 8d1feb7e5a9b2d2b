"""The format of scores: writing, reading and printing."""

from __future__ import annotations

import datetime
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from dis_jax.evaluation.registry import LABEL_FREE
from dis_jax.provenance import provenance

FORMAT = "dis_jax.evaluation"
VERSION = 1


def record(entries: Mapping[str, Any], **about: Any) -> dict[str, Any]:
    """Scores in the form that `format_table` and the report read.

    Args:
      entries: by name, each with `result` (a mapping), `settings` and `seconds`.
      **about: everything else that determines the scores.

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


def read_record(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads a file of scores, or of another result in the same folder.

    Args:
      path: of the file.

    Returns:
      The dict that `record` returned; for another format, the dict in the file.

    Raises:
      ValueError: if the file is damaged; the message names it.

    Example:
      >>> import pathlib, tempfile
      >>> from dis_jax.evaluation.records import read_record
      >>> path = pathlib.Path(tempfile.mkdtemp(), "mine.json")
      >>> _ = path.write_text('{"accuracy": 0.5}')
      >>> read_record(path)
      {'accuracy': 0.5}
    """
    path = pathlib.Path(path)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # also if the text is not UTF-8
        raise ValueError(f"{path} cannot be read: {error}; delete it.") from None
    if why := _damage(found):
        raise ValueError(f"{path} is damaged: {why}; delete it, and score again.")
    return found


def _damage(found: Any) -> str:
    """What is wrong with the content of a file of scores; "" if nothing is."""
    if not isinstance(found, dict):
        return f"it contains {json.dumps(found)[:40]}, not an object"
    if found.get("format") != FORMAT:
        return ""
    metrics = found.get("metrics")
    if not isinstance(metrics, dict) or not isinstance(found.get("source", {}), dict):
        return "metrics or source is not an object"
    for name, entry in metrics.items():
        result = entry.get("result") if isinstance(entry, dict) else None
        if not isinstance(result, dict):
            return f"{name} has no result"
        for field, value in result.items():
            if field == "score" and isinstance(value, str):
                return f"the score of {name} is {value!r}, not a number"
    return ""


def format_table(result: Mapping[str, Any]) -> str:
    """The scalar scores of an evaluation as lines of text.

    Args:
      result: what `evaluate` or `evaluate_codes` returned.

    Returns:
      A table with one line per score: metric, score, value, interval and null if they
      were computed, baselines, seconds; below it, the factors that it was computed over,
      and what was skipped and why.

    Example:
      >>> from dis_jax import evaluation
      >>> result = {"metrics": {"mig": {"result": {"score": 0.5}, "seconds": 0.01}}}
      >>> print(evaluation.format_table(result))
      metric  score   value  seconds
      mig     score  0.5000     0.01
    """
    labels = baseline_names(result)
    over = factors_note(result)
    chance = chance_heads(result)
    value = "difference" if "compared" in result else "value"
    rows = [["metric", "score", value, *chance, *labels, "seconds"]]
    notes = [""]
    for name, entry in result["metrics"].items():
        for i, (field, value) in enumerate(scalars(entry).items()):
            label, seconds = (name, f"{entry['seconds']:.2f}") if i == 0 else ("", "")
            others = [
                format_score(entry.get("baselines", {}).get(which, {}).get(field, ""))
                for which in labels
            ]
            spread = interval_and_null(entry, field)[: len(chance)]
            rows.append([label, field, value, *spread, *others, seconds])
            notes.append(over if i == 0 and name not in LABEL_FREE else "")
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            [
                *(f"{text:<{w}}" for text, w in zip(row[:2], widths, strict=False)),
                *(f"{t:>{w}}" for t, w in zip(row[2:], widths[2:], strict=True)),
                note,
            ]
        )
        for row, note in zip(rows, notes, strict=True)
    ]
    return "\n".join(line.rstrip() for line in [*lines, *left_out_lines(result)])


def scalars(entry: Mapping[str, Any]) -> dict[str, str]:
    """The scalar scores of a metric, as they are shown: `inf` and `undefined` too."""
    left_out = entry.get("left_out", {})
    found = {}
    for field, value in entry["result"].items():
        if value is None and field in left_out:
            infinite = left_out[field].startswith("inf")
            found[field] = "inf" if infinite else "undefined"
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[field] = format_score(value)
    return found


def format_score(value: Any) -> str:
    """A score with four decimals, an integer in full; "" if it was not computed."""
    if value is None or value == "":
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def chance_heads(result: Mapping[str, Any]) -> list[str]:
    """The heads of the columns of `interval_and_null`; none without resamples."""
    resampled = any(
        "resamples" in entry for entry in result.get("metrics", {}).values()
    )
    if not resampled:
        return []
    return ["[low, high]"] if "compared" in result else ["[low, high]", "null"]


def interval_and_null(entry: Mapping[str, Any], field: str) -> tuple[str, str]:
    """The interval of a score and its null, as they are shown; "" without them."""
    found = entry.get("resamples", {}).get("scores", {}).get(field, {})
    if not found:
        return "", ""
    ends = ", ".join(format_score(found[end]) for end in ("low", "high"))
    return f"[{ends}]", format_score(found.get("null"))


def baseline_names(result: Mapping[str, Any]) -> list[str]:
    """The baselines that some score of the result has, in order."""
    names: dict[str, None] = {}
    for entry in result["metrics"].values():
        names |= dict.fromkeys(entry.get("baselines", {}))
    return list(names)


def factors_note(result: Mapping[str, Any]) -> str:
    """The factors that a score is computed over, if some were skipped, else ""."""
    if not result.get("factors_left_out"):
        return ""
    return f"over {', '.join(result.get('factor_names', [])) or 'no factor'}"


def left_out_lines(result: Mapping[str, Any]) -> list[str]:
    """Lines on a diverged model, on the factors, and on what was skipped and why.

    Args:
      result: what `evaluate` or `evaluate_codes` returned.

    Returns:
      A line each; `skipped <factor, metric, or metric and part>: <reason>`.

    Example:
      >>> from dis_jax.evaluation.records import left_out_lines
      >>> left_out_lines({"metrics": {}, "factors_left_out": {"age": "takes one value"}})
      ['skipped factor age: takes one value']
    """
    lines = []
    if (step := result.get("diverged")) is not None:
        lines.append(f"the model diverged; scores of its state of step {step:,}")
    if names := result.get("factor_names"):
        lines.append(f"factors: {', '.join(names)}")
    lines += [
        f"factor {name}: {form} for metrics on labels"
        for name, form in result.get("factors_as_labels", {}).items()
    ]
    left_out = {
        f"factor {name}": reason
        for name, reason in result.get("factors_left_out", {}).items()
    }
    left_out |= result.get("left_out", {})
    for name, entry in result["metrics"].items():
        left_out |= {
            f"{name} {part}": reason
            for part, reason in entry.get("left_out", {}).items()
        }
    left_out |= result.get("baselines_left_out", {})
    left_out |= {
        f"interval of {name}": reason
        for name, reason in result.get("resamples_left_out", {}).items()
    }
    return lines + [
        f"skipped {what}: {reason.removeprefix(f'{what} ')}"
        for what, reason in left_out.items()
    ]


def new_file(
    folder: str | os.PathLike[str], name: str, overwrite: bool = False
) -> pathlib.Path:
    """The path of a new result; creates the folder.

    Args:
      folder: of the file.
      name: its name, without ".json".
      overwrite: whether it may replace an existing file.

    Returns:
      The path.

    Raises:
      FileExistsError: if the file exists and `overwrite` is not set.

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
