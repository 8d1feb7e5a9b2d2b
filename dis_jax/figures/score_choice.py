"""Which scores are those of a model, and whether two scores have the same definition."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from dis_jax.figures.report_inputs import Subject


def chosen(subject: Subject) -> dict[str, Mapping[str, Any]]:
    """The evaluation of each metric that counts as the model's.

    It is the last one of the method's default code. Only a metric without scores of this
    code has those of another code.

    Args:
      subject: the model.

    Returns:
      The evaluations by metric.
    """
    own: dict[str, Mapping[str, Any]] = {}
    others: dict[str, Mapping[str, Any]] = {}
    for evaluation in sorted(
        subject.evaluations.values(), key=lambda e: e.get("date", "")
    ):
        found = own if other_code(subject, evaluation) is None else others
        found.update(dict.fromkeys(evaluation.get("metrics", {}), evaluation))
    return own | {name: e for name, e in others.items() if name not in own}


def other_code(subject: Subject, evaluation: Mapping[str, Any]) -> str | None:
    """The name of the scored code; None for the method's default code."""
    code = evaluation.get("source", {}).get("code")
    return None if code == subject.method.code else code


def definition(evaluation: Mapping[str, Any], metric: str) -> dict[str, Any]:
    """What determines a score in addition to the codes and the seed.

    Args:
      evaluation: what `evaluate` or `evaluate_codes` returned.
      metric: one of its metrics.

    Returns:
      The parts of the definition by name, ready for JSON.

    Example:
      >>> definition({"metrics": {"mig": {"settings": {}}}, "num_codes": 9}, "mig")
      {'settings': {}, 'factors': [], 'kinds': None, 'numbers of rows': [9, None, None]}
    """
    # Of a set with weights, test images that are training images too are removed, so
    # their number differs a little between seeds: only its power of two counts.
    test = evaluation.get("num_test")
    return {
        "settings": evaluation["metrics"][metric].get("settings"),
        "factors": sorted(evaluation.get("factor_names", [])),
        "kinds": evaluation.get("factor_kinds"),
        "numbers of rows": [
            evaluation.get("num_codes"),
            evaluation.get("num_train"),
            round(math.log2(test)) if test else test,
        ],
    }
