"""What transfers of many models add up to: tables, comparisons, what predicts a gain."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from dis_jax.evaluation.study_table import paired_bootstrap
from dis_jax.evaluation.transfer_setup import FOLDER

Record = Mapping[str, Any]
Values = dict[str, dict[str, float]]

ALL = "all"
DISTANCES = ("frechet", "active_overlap", "omes_drop")
PREDICTED = ("GBT, full", "GBT, pruned", "OMES")


def read_transfers(folder: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The records of all transfers of the runs in a folder that are complete.

    Args:
      folder: a run's, or one that holds runs, at any depth.

    Returns:
      The records that `transfer` wrote and that have been fine-tuned; `run` is where the
      run lies now.

    Example:
      >>> import tempfile
      >>> from dis_jax import evaluation
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     evaluation.read_transfers(folder)
      []
    """
    return [r for r in _read(folder, f"{FOLDER}/*/transfer.json") if r["after"]]


def read_sources(folder: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The records of all runs in a folder that were scored on their own set.

    Args:
      folder: a run's, or one that holds runs, at any depth.

    Returns:
      The records that `score_source` wrote; `run` is where the run lies now.

    Example:
      >>> import tempfile
      >>> from dis_jax import evaluation
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     evaluation.read_sources(folder)
      []
    """
    return _read(folder, f"{FOLDER}/source.json")


def score_rows(scores: Mapping[str, Any]) -> Values:
    """Scores as rows of a table, in [0, 1]: {row: {factor, or "all": value}}.

    Args:
      scores: of `transfer_scores` or `source_scores`.

    Returns:
      Accuracies by gradient boosted trees (GBT) and by a network (MLP), OMES (alpha =
      .5) with its parts OS and MES, MIG and DCI disentanglement. "all" is the mean over
      factors that have a score.

    Example:
      >>> from dis_jax import evaluation
      >>> omes = {"score": 0.5, "overlap": 0.75, "multiple_encoding": 0.25}
      >>> omes |= {"scored": [True], "overlap_per_factor": [0.75]}
      >>> omes |= {"multiple_encoding_per_factor": [0.25]}
      >>> evaluation.score_rows({"factor_names": ["size"], "omes": omes})["OMES"]
      {'size': 0.5, 'all': 0.5}
    """
    names, omes = scores["factor_names"], scores["omes"]
    rows: Values = {}
    for reader in ("gbt", "mlp"):
        for kind in ("full", "pruned"):
            if reader in scores:
                values = scores[reader][kind]
                rows[f"{reader.upper()}, {kind}"] = _row(names, values, np.mean(values))
    parts = [omes[f"{n}_per_factor"] for n in ("overlap", "multiple_encoding")]
    for row, values, mean in (
        ("OMES", np.mean(parts, axis=0), omes["score"]),
        ("OS", parts[0], omes["overlap"]),
        ("MES", parts[1], omes["multiple_encoding"]),
    ):
        scored = zip(names, values, omes["scored"], strict=True)
        columns = {name: float(value) for name, value, known in scored if known}
        rows[row] = columns | {ALL: float(mean)}
    if "mig" in scores:
        rows["MIG"] = _row(names, scores["mig"]["per_factor"], scores["mig"]["score"])
        rows["DCI"] = {ALL: scores["dci"]["disentanglement"]}
    return rows


def tabulate_transfers(records: Sequence[Record]) -> dict[str, Any]:
    """Means and deviations over models, differences of methods, and correlations.

    Args:
      records: of `transfer`, fine-tuned.

    Returns:
      JSON. `tables`: one for each source, target and method, `rows` = {row: {column:
      {"before", "after", "gain"}}}, each {"mean", "std"} over its models, `drop`, what
      pruning costs before and after, and `chance`, the accuracy of always saying a
      factor's commonest value. `differences`: of two methods, over models
      with the same seed and beta, with 95 % bootstrap intervals. `correlations`: of each
      distance with score and gain over all models, see `correlate`. `models`: how many.

    Example:
      >>> from dis_jax import evaluation
      >>> evaluation.tabulate_transfers([])["models"]
      0
    """
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        key = tuple(record[k] for k in ("source", "target", "method"))
        adam = record["finetuning"]["adam"]
        groups.setdefault((*key, adam), []).append(record)
    return {
        "tables": [_table(key, group) for key, group in groups.items()],
        "differences": _differences(groups),
        "correlations": correlate(records),
        "models": len(records),
    }


def tabulate_sources(records: Sequence[Record]) -> list[dict[str, Any]]:
    """OMES of models on their own set: means and deviations over seeds.

    Args:
      records: of `score_source`.

    Returns:
      JSON, an entry for each source, method and beta: `rows` = {"OMES", "OS", "MES":
      {factor, or "all": {"mean", "std"}}} (alpha = .5), `dims`, how many dimensions vary,
      `models`, `seeds` and `source_steps`.

    Example:
      >>> from dis_jax import evaluation
      >>> evaluation.tabulate_sources([])
      []
    """
    groups: dict[tuple[str, str, float], list[Record]] = {}
    for record in records:
        key = (record["source"], record["method"], record["beta"])
        groups.setdefault(key, []).append(record)
    found = []
    for key, group in sorted(groups.items()):
        scores = [record["source_scores"] for record in group]
        rows = [score_rows(each) for each in scores]
        dims = [float(np.sum(each["omes"]["kept"])) for each in scores]
        found.append(
            dict(zip(("source", "method", "beta"), key, strict=True))
            | {
                "models": len(group),
                "seeds": sorted({r["seed"] for r in group}),
                "source_steps": sorted({r["source_steps"] for r in group}),
                "dims": _mean_std(np.array(dims)),
                "rows": {
                    row: {
                        column: _mean_std(np.array([r[row][column] for r in rows]))
                        for column in columns
                        if all(column in r[row] for r in rows)
                    }
                    for row, columns in rows[0].items()
                },
            }
        )
    return found


def correlate(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Does a distance between source and target tell how a model transfers?

    Args:
      records: of `transfer`, fine-tuned.

    Returns:
      For each distance, score and either "before" (the score) or "gain": Pearson's
      `pearson` and Spearman's `spearman` over models, and `within`, Pearson's of the
      differences from the means of their pair of source and target, since targets differ
      in how hard they are; None where there are fewer than three models or one side is
      constant; `models` and `pairs`.
    """
    rows = [(score_rows(r["before"]), score_rows(r["after"])) for r in records]
    pairs = [(r["source"], r["target"]) for r in records]
    found = []
    for distance in DISTANCES:
        x = np.array([r["distances"][distance] for r in records])
        for row in PREDICTED:
            both = [(b[row][ALL], a[row][ALL]) for b, a in rows if row in b]
            if len(both) != len(records):
                continue
            before, after = np.array(both).reshape(-1, 2).T
            for name, y in (("before", before), ("gain", after - before)):
                found.append(
                    {"distance": distance, "score": row, "of": name}
                    | _correlation(x, y)
                    | {"within": _correlation(*_centred(pairs, x, y))["pearson"]}
                    | {"models": len(records), "pairs": len({*pairs})}
                )
    return found


def _read(folder: str | os.PathLike[str], pattern: str) -> list[dict[str, Any]]:
    """What files below a run say, `run` being where it lies now."""
    found = []
    for path in sorted(pathlib.Path(folder).rglob(pattern)):
        run = next(p.parent for p in path.parents if p.name == FOLDER)
        found += [r | {"run": str(run)} for r in json.loads(path.read_text())]
    return found


def _row(names: Sequence[str], values: Iterable[float], mean: float) -> dict:
    cells = zip(names, values, strict=True)
    return {n: float(v) for n, v in cells} | {ALL: float(mean)}


def _table(key: tuple[str, ...], records: Sequence[Record]) -> dict[str, Any]:
    rows = [(score_rows(r["before"]), score_rows(r["after"])) for r in records]
    found: dict[str, dict[str, Any]] = {}
    for row, columns in rows[0][0].items():
        for column in columns:
            both = [
                (b[row][column], a[row][column])
                for b, a in rows
                if column in b.get(row, {}) and column in a.get(row, {})
            ]
            if both:
                cell = _three(*np.array(both).T)
                found.setdefault(row, {})[column] = cell
    return {
        **dict(zip(("source", "target", "method", "adam"), key, strict=True)),
        "models": len(records),
        "seeds": sorted({r["seed"] for r in records}),
        "betas": sorted({r["beta"] for r in records}),
        "source_steps": sorted({r["source_steps"] for r in records}),
        "finetune_steps": sorted({r["finetuning"]["steps"] for r in records}),
        "trees": sorted({r["scoring"]["trees"] for r in records}),
        "distances": {
            name: _mean_std(np.array([r["distances"][name] for r in records]))
            for name in DISTANCES
        },
        "chance": _chance(records),
        "rows": found,
        "drop": _drops(found),
    }


def _chance(records: Sequence[Record]) -> dict[str, float]:
    """Of each factor, the mean over models: seeds of the scores may differ."""
    found: dict[str, list[float]] = {}
    for record in records:
        scores = record["before"]
        for name, value in zip(scores["factor_names"], scores["chance"], strict=True):
            found.setdefault(name, []).append(value)
    return {name: float(np.mean(values)) for name, values in found.items()}


def _three(before: np.ndarray, after: np.ndarray) -> dict[str, dict[str, Any]]:
    parts = {"before": before, "after": after, "gain": after - before}
    return {name: _mean_std(values) for name, values in parts.items()}


def _mean_std(values: np.ndarray) -> dict[str, Any]:
    std = float(values.std(ddof=1)) if len(values) > 1 else None
    return {"mean": float(values.mean()), "std": std}


def _drops(rows: Mapping[str, Any]) -> dict[str, dict[str, dict[str, float]]]:
    """What is lost by reading one dimension of each factor, of the means."""
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


def _differences(groups: Mapping[tuple[str, ...], Sequence[Record]]) -> list[dict]:
    found = []
    keys = list(groups)
    for i, first in enumerate(keys):
        for second in keys[i + 1 :]:
            if (*first[:2], first[3]) != (*second[:2], second[3]):
                continue
            a, b = (
                {(r["seed"], r["beta"]): r for r in groups[k]} for k in (first, second)
            )
            common = sorted({*a} & {*b})
            if common:
                pairs = [(a[k], b[k]) for k in common]
                found.append(
                    {
                        "pair": f"{first[0]} to {first[1]}",
                        "methods": [first[2], second[2]],
                        "models": len(common),
                        "rows": _paired(pairs),
                    }
                )
    return found


def _paired(
    pairs: Sequence[tuple[Record, Record]],
) -> dict[str, dict[str, list[float]]]:
    """Mean, low and high (see `_interval`) of the differences in each row's "all"."""
    read = [
        [(score_rows(r["before"]), score_rows(r["after"])) for r in pair]
        for pair in pairs
    ]
    rows: dict[str, dict[str, list[float]]] = {}
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


def _interval(first: np.ndarray, second: np.ndarray) -> list[float]:
    """Mean, low and high; of one pair the mean alone."""
    found = list(paired_bootstrap(first, second))
    return found if len(first) > 1 else found[:1]


def _centred(pairs: Sequence[tuple], *values: np.ndarray) -> list[np.ndarray]:
    """Values less the means over models of the same pair."""
    same = np.array([a == b for a in pairs for b in pairs], float)
    same = same.reshape(len(pairs), len(pairs))
    return [v - same @ v / same.sum(axis=1) for v in values]


def _correlation(x: np.ndarray, y: np.ndarray) -> dict[str, float | None]:
    from scipy import stats

    if len(x) < 3 or min(np.ptp(x), np.ptp(y)) < 1e-9:  # rounding of what is constant
        return {"pearson": None, "spearman": None}
    return {
        "pearson": float(np.corrcoef(x, y)[0, 1]),
        "spearman": float(np.corrcoef(stats.rankdata(x), stats.rankdata(y))[0, 1]),
    }
