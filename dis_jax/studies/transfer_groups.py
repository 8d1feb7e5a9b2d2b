"""Which records are alike enough to be in one mean, and what tells the others apart."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]


def settings_of(record: Record, *, source: bool = True) -> dict[str, Any]:
    """What records must have in common to be in one mean.

    Args:
      record: of `transfer`, fine-tuned, or of `score_source`.
      source: whether the steps that the source has made count.

    Returns:
      Steps, Adam, how codes were scored: values by dotted names.
    """
    found = {"source_steps": record["source_steps"]} if source else {}
    for part in ("finetuning", "scoring"):
        found |= {
            f"{part}.{name}": value for name, value in record.get(part, {}).items()
        }
    return found


def told_apart(settings: Record, others: Iterable[Record]) -> str:
    """In what settings differ from some of the others, in words.

    Args:
      settings: of `settings_of`.
      others: of the same kind.

    Returns:
      Names and values; nothing where all are the same.

    Example:
      >>> told_apart({"a": 1, "b": 2}, [{"a": 1, "b": 2}, {"a": 1, "b": 3}])
      'b 2'
    """
    differ = {k for other in others for k in settings if other.get(k) != settings[k]}
    return ", ".join(f"{k} {_word(settings[k])}" for k in settings if k in differ)


def alike(
    records: Sequence[Record], names: Sequence[str]
) -> list[tuple[dict[str, Any], list[Record]]]:
    """Groups of records that may be averaged: no model is in one twice.

    Args:
      records: of `transfer`, fine-tuned, or of `score_source`.
      names: fields by which they are told apart beside settings.

    Returns:
      Settings and records of each, with "run" among the settings where a group would
      have had two models of one seed and beta.
    """
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        key = tuple(str(record[name]) for name in names)
        settings = json.dumps(settings_of(record), sort_keys=True)
        groups.setdefault((*key, settings), []).append(record)
    found: list[tuple[dict[str, Any], list[Record]]] = []
    for group in groups.values():
        settings = settings_of(group[0])
        if len({(r["seed"], r["beta"]) for r in group}) == len(group):
            found.append((settings, group))
        else:  # of runs that differ in something that no record says
            for run in dict.fromkeys(r["run"] for r in group):
                own = [r for r in group if r["run"] == run]
                found.append((settings | {"run": run}, own))
    return found


def count_models(records: Sequence[Record]) -> int:
    """How many models were carried over, each perhaps to several targets.

    Args:
      records: of `transfer`.

    Returns:
      The number.
    """
    return len({(r["run"], r["member"]) for r in records})


def _word(value: Any) -> str:
    return "+".join(value) if isinstance(value, list) else str(value)
