"""Tables of transfers, comparisons of methods, and predictors of the gain."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dis_jax.studies.study_table import ends_of
from dis_jax.studies.transfer_scores import ALL, Rows, score_rows

Record = Mapping[str, Any]

DISTANCES = ("frechet", "active_overlap", "omes_drop")
PREDICTED = ("GBT, full", "GBT, pruned", "OMES")

_FEWEST = 3  # the correlation of two points is always 1 or -1


def tabulate_transfers(records: Sequence[Record]) -> dict[str, Any]:
    """Means and deviations over models, differences of methods, and correlations.

    Args:
      records: of `transfer`, fine-tuned.

    Returns:
      JSON. `tables`: one for each source, target, method and settings (steps, Adam,
      scoring), and one per run if two models would have the same seed and beta;
      `told_apart` names the settings that differ from other tables of the same source,
      target, method and Adam. `rows` = {row: {column: {"before", "after", "gain"}}}, each
      {"mean", "std"} over its models; `drop`, the accuracy lost by pruning, before and
      after; `weak`, the number of models in which "pruned" uses a dimension with less
      than half of the factor's largest S; `collapsed`, the models without an active
      dimension, whose OMES and MIG in these means are 0; `chance`, the accuracy of always
      predicting a factor's most frequent value. `differences`: of two methods with the
      same settings, over models with the same seed and beta: "mean", "each", and for at
      least three pairs a 95 % "interval" (see `paired_interval`). `correlations`: of each
      distance with score and gain, see `correlate`. `transfers` and `models`: their
      numbers.

    Example:
      >>> from dis_jax import studies
      >>> studies.tabulate_transfers([])["models"]
      0
    """
    groups = alike(records, ("source", "target", "method"))
    tables = [_table(settings, group) for settings, group in groups]
    for table in tables:
        same = [
            other["settings"]
            for other in tables
            if all(other[k] == table[k] for k in ("source", "target", "method", "adam"))
        ]
        table["told_apart"] = told_apart(table["settings"], same)
    return {
        "tables": tables,
        "differences": _differences(tables, [group for _, group in groups]),
        "correlations": correlate(records),
        "transfers": len(records),
        "models": _count_models(records),
    }


def tabulate_sources(records: Sequence[Record]) -> list[dict[str, Any]]:
    """OMES of models on their own set: means and deviations over seeds.

    Args:
      records: of `score_source`.

    Returns:
      JSON, an entry for each source, method, beta and settings (`source_steps`, scoring),
      and one per run if two models would have the same seed: `rows` = {"OMES", "OS",
      "MES": {factor, or "all": {"mean", "std"}}} (alpha = .5), `dims`, how many
      dimensions vary, `models`, `seeds`, and `collapsed`, the seeds of the models in
      which no dimension varies, so that their OMES is 0; `told_apart` names the settings
      that differ from other entries of the same source.

    Example:
      >>> from dis_jax import studies
      >>> studies.tabulate_sources([])
      []
    """
    about = ("source", "method", "beta", "source_steps")
    found = []
    for settings, group in alike(records, about):
        scores = [record["source_scores"] for record in group]
        rows = [score_rows(each) for each in scores]
        found.append(
            {name: group[0][name] for name in about}
            | {
                "settings": settings,
                "models": len(group),
                "seeds": sorted({r["seed"] for r in group}),
                "dims": _mean_std([np.sum(each["omes"]["kept"]) for each in scores]),
                "collapsed": sorted(
                    r["seed"] for r in group if _collapsed(r["source_scores"])
                ),
                "rows": {
                    row: {
                        column: _mean_std([r[row][column] for r in rows])
                        for column in columns
                        if all(column in r[row] for r in rows)
                    }
                    for row, columns in rows[0].items()
                },
            }
        )
    for home in found:
        every = [h["settings"] for h in found if h["source"] == home["source"]]
        home["told_apart"] = told_apart(home["settings"], every)
    return sorted(found, key=lambda home: [home[name] for name in about])


def correlate(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Correlations of each distance with scores and gains, among equal settings.

    For each distance, score and either "before" (the score) or "gain": Pearson's
    `pearson` and Spearman's `spearman` over transfers, and `within`, Pearson's of the
    differences from the mean of their pair of source and target, because targets differ
    in difficulty. None for fewer than three transfers (`within`: fewer than pairs plus
    two), or if one side is constant; no entry if a distance is unknown.
    """
    groups: dict[str, list[Record]] = {}
    for record in records:
        settings = settings_of(record, source=False)
        groups.setdefault(json.dumps(settings, sort_keys=True), []).append(record)
    every = [settings_of(group[0], source=False) for group in groups.values()]
    return [
        cell | {"told_apart": told_apart(settings, every)}
        for group, settings in zip(groups.values(), every, strict=True)
        for cell in _correlate(group)
    ]


def _correlate(records: Sequence[Record]) -> list[dict[str, Any]]:
    """The correlations of transfers with the same settings."""
    rows = _before_and_after(records)
    pairs = [(r["source"], r["target"]) for r in records]
    found = []
    for distance in DISTANCES:
        x = np.array([r["distances"][distance] for r in records], float)
        if np.isnan(x).any():
            continue
        for row in PREDICTED:
            both = [(b[row][ALL], a[row][ALL]) for b, a in rows if row in b]
            if len(both) != len(records):
                continue
            before, after = np.array(both).reshape(-1, 2).T
            for name, y in (("before", before), ("gain", after - before)):
                found.append(
                    {"distance": distance, "score": row, "of": name}
                    | _correlation(x, y)
                    | {"within": _within(pairs, x, y)}
                    | {"transfers": len(records), "pairs": len({*pairs})}
                    | {"models": _count_models(records)}
                )
    return found


def alike(
    records: Sequence[Record], names: Sequence[str]
) -> list[tuple[dict[str, Any], list[Record]]]:
    """Settings and records of each group that may be averaged, grouped by `names` too.

    A group has one model for each seed and beta: if there would be two, each run is
    its own group, with "run" among its settings.
    """
    groups: dict[str, list[Record]] = {}
    for record in records:
        key = [*(str(record[name]) for name in names), settings_of(record)]
        groups.setdefault(json.dumps(key, sort_keys=True), []).append(record)
    found: list[tuple[dict[str, Any], list[Record]]] = []
    for group in groups.values():
        settings = settings_of(group[0])
        if len({(r["seed"], r["beta"]) for r in group}) == len(group):
            found.append((settings, group))
        else:  # runs that differ in something that is not recorded
            for run in dict.fromkeys(r["run"] for r in group):
                own = [r for r in group if r["run"] == run]
                found.append((settings | {"run": run}, own))
    return found


def settings_of(record: Record, *, source: bool = True) -> dict[str, Any]:
    """Settings that averaged records share, by dotted name; `source` adds its steps."""
    found = {"source_steps": record["source_steps"]} if source else {}
    for part in ("finetuning", "scoring"):
        found |= {f"{part}.{name}": v for name, v in record.get(part, {}).items()}
    return found


def told_apart(settings: Record, others: Iterable[Record]) -> str:
    """Names and values of the settings that differ from some of the others.

    Example:
      >>> told_apart({"a": 1, "b": 2}, [{"a": 1, "b": 2}, {"a": 1, "b": 3}])
      'b 2'
    """
    differ = {k for other in others for k in settings if other.get(k) != settings[k]}
    words = {
        name: "+".join(value) if isinstance(value, list) else value
        for name, value in settings.items()
    }
    return ", ".join(f"{name} {words[name]}" for name in settings if name in differ)


def _count_models(records: Sequence[Record]) -> int:
    return len({(r["run"], r["member"]) for r in records})


def _before_and_after(records: Sequence[Record]) -> list[tuple[Rows, Rows]]:
    return [(score_rows(r["before"]), score_rows(r["after"])) for r in records]


def _table(settings: Record, records: Sequence[Record]) -> dict[str, Any]:
    first = records[0]
    rows = _rows(records)
    return {
        **{name: first[name] for name in ("source", "target", "method")},
        "adam": first["finetuning"]["adam"],
        "settings": dict(settings),
        "models": len(records),
        "seeds": sorted({r["seed"] for r in records}),
        "betas": sorted({r["beta"] for r in records}),
        "distances": {
            name: _mean_std([r["distances"][name] for r in records])
            for name in DISTANCES
            if all(r["distances"][name] is not None for r in records)
        },
        "chance": _chance(records),
        "rows": rows,
        "drop": _drops(rows),
        "weak": _weak(records),
        "collapsed": [
            {"seed": r["seed"], "beta": r["beta"], "when": when}
            for r in records
            for when in ("before", "after")
            if _collapsed(r[when])
        ],
    }


def _rows(records: Sequence[Record]) -> dict[str, dict[str, Any]]:
    """Each cell, over the models that have it before and after fine-tuning."""
    both = _before_and_after(records)
    found: dict[str, dict[str, Any]] = {}
    for row, columns in both[0][0].items():
        for column in columns:
            pairs = [
                [rows[row][column] for rows in pair]
                for pair in both
                if all(column in rows.get(row, {}) for rows in pair)
            ]
            if pairs:
                before, after = np.array(pairs).T
                parts = {"before": before, "after": after, "gain": after - before}
                cell = {name: _mean_std(values) for name, values in parts.items()}
                found.setdefault(row, {})[column] = cell
    return found


def _chance(records: Sequence[Record]) -> dict[str, float]:
    """Mean over models for each factor, because the seeds of the scores may differ."""
    found: dict[str, list[float]] = {}
    for record in records:
        scores = record["before"]
        for name, value in zip(scores["factor_names"], scores["chance"], strict=True):
            found.setdefault(name, []).append(value)
    return {name: float(np.mean(values)) for name, values in found.items()}


def _mean_std(values: ArrayLike) -> dict[str, Any]:
    values = np.asarray(values, float)
    std = float(values.std(ddof=1)) if len(values) > 1 else None
    return {"mean": float(values.mean()), "std": std}


def _drops(rows: Mapping[str, Any]) -> dict[str, dict[str, dict[str, float]]]:
    """The mean accuracy that a probe loses when it uses one dimension per factor."""
    return {
        reader: {
            column: {
                when: rows[f"{reader}, full"][column][when]["mean"]
                - rows[f"{reader}, pruned"][column][when]["mean"]
                for when in ("before", "after")
            }
            for column in rows[f"{reader}, full"]
        }
        for reader in ("GBT", "MLP")
        if f"{reader}, full" in rows
    }


def _weak(records: Sequence[Record]) -> dict[str, dict[str, int]]:
    """Number of models in which a factor's dimension has less than half its largest S.

    OMES assigns the dimension by the overlap score, which may be largest where S is small.
    """
    found: dict[str, dict[str, int]] = {}
    for record in records:
        for when in ("before", "after"):
            scores, omes = record[when], record[when]["omes"]
            s = np.where(np.array(omes["kept"])[:, None], omes["association"], 0)
            own = s[scores["dims"], np.arange(s.shape[1])]
            weak = omes["scored"] & (own < s.max(axis=0) / 2)
            for name in np.array(scores["factor_names"])[weak].tolist():
                found.setdefault(name, {"before": 0, "after": 0})[when] += 1
    order = records[0]["before"]["factor_names"].index
    return {name: found[name] for name in sorted(found, key=order)}


def _collapsed(scores: Mapping[str, Any]) -> bool:
    """Whether no dimension of a code varies."""
    return not any(scores["omes"]["kept"])


def _differences(
    tables: Sequence[Record], groups: Sequence[Sequence[Record]]
) -> list[dict[str, Any]]:
    found = []
    for (one, first), (two, second) in itertools.combinations(
        zip(tables, groups, strict=True), 2
    ):
        same = all(one[k] == two[k] for k in ("source", "target")) and (
            settings_of(first[0]) == settings_of(second[0])
        )
        if not same or one["method"] == two["method"]:
            continue
        a, b = ({(r["seed"], r["beta"]): r for r in group} for group in (first, second))
        common = sorted({*a} & {*b})
        if common:
            apart = dict.fromkeys(filter(None, (one["told_apart"], two["told_apart"])))
            found.append(
                {
                    "pair": f"{one['source']} to {one['target']}",
                    "methods": [one["method"], two["method"]],
                    "told_apart": "; ".join(apart),
                    "models": len(common),
                    "rows": _paired([(a[k], b[k]) for k in common]),
                }
            )
    return found


def _paired(
    pairs: Sequence[tuple[Record, Record]],
) -> dict[str, dict[str, dict[str, Any]]]:
    """The differences in each row's "all", see `_interval`."""
    read = [_before_and_after(pair) for pair in pairs]
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for row in read[0][0][0]:
        # (pair, method, before or after)
        values = np.array(
            [[[s.get(row, {}).get(ALL, np.nan) for s in m] for m in p] for p in read]
        )
        if np.isnan(values).any():
            continue
        values = np.concatenate([values, values[..., 1:] - values[..., :1]], axis=2)
        rows[row] = {
            when: _interval(values[:, 0, k], values[:, 1, k])
            for k, when in enumerate(("before", "after", "gain"))
        }
    return rows


def _interval(first: np.ndarray, second: np.ndarray) -> dict[str, Any]:
    """Mean, each difference and, for enough pairs, an interval."""
    each, ends = first - second, ends_of(first, second)
    return {
        "mean": float(each.mean()),
        "each": each.tolist(),
        "interval": list(ends) if ends else None,
    }


def _within(pairs: Sequence[tuple], x: np.ndarray, y: np.ndarray) -> float | None:
    """Pearson correlation within pairs; None with fewer than two free differences."""
    # Subtracting the mean of each pair costs one degree of freedom per pair.
    if len(pairs) - len({*pairs}) < _FEWEST - 1:
        return None
    return _correlation(*_centred(pairs, x, y))["pearson"]


def _centred(pairs: Sequence[tuple], *values: np.ndarray) -> list[np.ndarray]:
    """Values minus their mean over the models of the same pair."""
    same = np.array([a == b for a in pairs for b in pairs], float)
    same = same.reshape(len(pairs), len(pairs))
    return [v - same @ v / same.sum(axis=1) for v in values]


def _correlation(x: np.ndarray, y: np.ndarray) -> dict[str, float | None]:
    from scipy import stats

    # A constant column of means may differ by rounding.
    if len(x) < _FEWEST or min(np.ptp(x), np.ptp(y)) < 1e-9:
        return {"pearson": None, "spearman": None}
    return {
        "pearson": float(np.corrcoef(x, y)[0, 1]),
        "spearman": float(np.corrcoef(stats.rankdata(x), stats.rankdata(y))[0, 1]),
    }
