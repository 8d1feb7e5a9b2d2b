"""The scores of all members of a population in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dis_jax.evaluation.records import scalars


def member_table(
    results: Sequence[Mapping[str, Any]], members: Sequence[Mapping[str, Any]]
) -> str:
    """A table with a line for each member: its values and its scalar scores.

    Args:
      results: what `evaluate` returned for each member.
      members: seed and hyperparameters of each, by name.

    Returns:
      A table; a score that a member lacks is "-". Values that all members share are not
      shown.

    Raises:
      ValueError: if the numbers of results and members differ.

    Example:
      >>> from dis_jax import evaluation
      >>> results = [{"metrics": {"mig": {"result": {"score": s}}}} for s in (0.5, 0.25)]
      >>> print(evaluation.member_table(results, [{"beta": 1.0}, {"beta": 4.0}]))
      member  beta  mig score
           0   1.0     0.5000
           1   4.0     0.2500
    """
    found = [_scores(result) for result in results]
    columns = list(dict.fromkeys(name for scores in found for name in scores))
    differing = [
        name
        for name in (members[0] if members else ())
        if len({str(member[name]) for member in members}) > 1
    ]
    rows = [["member", *differing, *columns]]
    for i, (member, scores) in enumerate(zip(members, found, strict=True)):
        own = [str(member[name]) for name in differing]
        rows.append([str(i), *own, *(scores.get(name, "-") for name in columns)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(f"{word:>{w}}" for word, w in zip(row, widths, strict=True))
        for row in rows
    )


def _scores(result: Mapping[str, Any]) -> dict[str, str]:
    """The scalar scores of a result by the names of metric and field."""
    return {
        f"{metric} {field}": value
        for metric, entry in result["metrics"].items()
        for field, value in scalars(entry).items()
    }
