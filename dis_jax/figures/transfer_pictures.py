"""Pictures of transfer: associations, scores over beta, gains by fine-tuning."""

from __future__ import annotations

import itertools
import json
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging

from dis_jax import data, training
from dis_jax.figures.charts import score_lines
from dis_jax.figures.latents import by_kl, kl_per_dimension, traversal_values, traverse
from dis_jax.figures.matrices import matrix
from dis_jax.figures.pixels import Pixels, image_grid, to_png
from dis_jax.files import file_name, write_json, write_whole
from dis_jax.markup import escape_markdown
from dis_jax.probing.encoding import encode_codes, images_at
from dis_jax.studies import (
    read_divergences,
    read_sources,
    read_transfers,
    score_rows,
    tabulate_sources,
    tabulate_transfers,
    transfer_folder,
    transfer_markdown,
)
from dis_jax.studies.fine_tuning import DEFAULTS, TransferSettings, load_target
from dis_jax.studies.transfer_markdown import columns_of
from dis_jax.studies.transfer_scores import ALL
from dis_jax.studies.transfer_table import alike, told_apart
from dis_jax.training.workdir import strict_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Record = Mapping[str, Any]

_SAMPLE = 256  # images that set the ranges of traversals
_NAME = (0.08, 0.05)  # inches per letter in the names of rows and of columns


def omes_over_beta(records: Sequence[Record], *, title: str = "") -> Figure:
    """OMES of each factor over beta: mean over seeds, with a band of one std.

    Args:
      records: from `studies.score_source`, of one set and one method.
      title: above the figure.

    Returns:
      A matplotlib figure.

    Raises:
      ValueError: if no record has OMES.
    """
    every = [(r["beta"], score_rows(r["source_scores"]).get("OMES")) for r in records]
    known = [(beta, row) for beta, row in every if row]
    if not known:
        raise ValueError(
            f"{len(records)} records, none of them with OMES; expected those of "
            "`score_source`, of a set whose factors have pairs."
        )
    betas, rows = zip(*known, strict=True)
    columns = [c for c in rows[0] if c != ALL and all(c in row for row in rows)]
    return score_lines(
        np.array(betas),
        {c: np.array([row[c] for row in rows]) for c in (*columns, ALL)},
        xlabel="beta",
        ylabel="OMES (alpha = .5)",
        title=title,
    )


def association_matrix(scores: Record, *, title: str = "") -> Figure:
    """OMES's association S: how strongly each dimension encodes each factor.

    Args:
      scores: from `studies.transfer_scores` or `studies.source_scores`.
      title: above the figure.

    Returns:
      A matplotlib figure; dimensions that do not vary are named and left blank.
    """
    omes = scores["omes"]
    kept = np.array(omes["kept"])
    values = np.where(kept[:, None], np.array(omes["association"]), np.nan)
    rows = [f"z{d}" if use else f"z{d} (constant)" for d, use in enumerate(kept)]
    return matrix(
        values, rows=rows, columns=scores["factor_names"], title=title, limits=(0, 1)
    )


def transfer_picture(table: Record) -> Figure:
    """One table of a transfer: % before fine-tuning, the gain in brackets and as colour.

    Args:
      table: an entry of `tables` of `studies.tabulate_transfers`.

    Returns:
      A matplotlib figure.
    """
    rows = table["rows"]
    columns = columns_of(rows.values())
    cells = [[row.get(column) for column in columns] for row in rows.values()]
    return _gains(
        cells,
        rows=list(rows),
        columns=columns,
        title=f"{_short(table['source'])} to {_short(table['target'])}:\n{_method(table)}",
    )


def transfer_matrix(
    tables: Sequence[Record], *, row: str = "GBT, full", method: str | None = None
) -> Figure:
    """Matrix of sources and targets: one score before fine-tuning, the gain in brackets.

    Args:
      tables: `tables` of `studies.tabulate_transfers`.
      row: which score, its mean over factors.
      method: method of the sources; by default that of the first table.

    Returns:
      A matplotlib figure; pairs that were not run are blank.

    Raises:
      ValueError: if no table has the score, or several tables of one pair have it.
    """
    method = method or (tables[0]["method"] if tables else None)
    own = [
        t
        for t in tables
        if t["method"] == method and t["adam"] == "kept" and row in t["rows"]
    ]
    if not own:
        raise ValueError(f"no table of {method!r} has a row {row!r}; run a transfer.")
    found = {(t["source"], t["target"]): t["rows"][row][ALL] for t in own}
    if len(found) < len(own):
        raise ValueError(
            f"{len(own)} tables of {method!r} are of {len(found)} pairs of source and "
            "target; choose those with the same settings, see their `told_apart`."
        )
    sources = list(dict.fromkeys(source for source, _ in found))
    targets = list(dict.fromkeys(target for _, target in found))
    cells = [[found.get((s, t)) for t in targets] for s in sources]
    title = f"{method}\n{row}"
    return _gains(cells, rows=sources, columns=targets, title=title)


def transfer_traversals(
    run: str | os.PathLike[str],
    target: str,
    *,
    member: int | None = None,
    settings: TransferSettings = DEFAULTS,
    data_dir: str | os.PathLike[str] | None = None,
    dims: int = 6,
    num_values: int = 5,
) -> Pixels:
    """Traversals of a model on its source set, on the target, and after fine-tuning.

    Args:
      run: the workdir of the source.
      target: name of the target.
      member: which model of a population.
      settings: settings of the fine-tuning; `adam` selects its folder.
      data_dir: the folder of real data sets.
      dims: number of dimensions, those with the largest KL on the source.
      num_values: number of values of each dimension.

    Returns:
      (height, width, channels) uint8, with a row per dimension. Left: an image of the
      source set; middle: an image of the target; right: the same image after fine-tuning.
    """
    method, state, config = training.restore(run, member=member)
    folder = transfer_folder(run, target, settings)
    tuned_method, tuned, _ = training.restore(folder, member=member)
    on_source = _some(training.load_data(run, config.dataset, data_dir, config.split))
    on_target = _some(load_target(target, data_dir))
    posterior: Any = encode_codes(method, state, on_source)["z"]
    chosen = by_kl(kl_per_dimension(*posterior))[:dims]
    frames = [
        _moved(*each, chosen, num_values)
        for each in (
            (method, state, on_source),
            (method, state, on_target),
            (tuned_method, tuned, on_target),
        )
    ]
    blank = [""] * (num_values - 1)
    return image_grid(
        np.concatenate(frames, axis=1),
        row_labels=[f"z{d}" for d in chosen],
        column_labels=["source", *blank, "target", *blank, "tuned", *blank],
    )


def write_transfer(
    folder: str | os.PathLike[str],
    results: str | os.PathLike[str],
    *,
    title: str = "Transfer",
    notes: str = "",
    made_by: str = "",
    data_dir: str | os.PathLike[str] | None = None,
    pictures: bool = True,
) -> dict[str, Any]:
    """Writes pictures and tables of the transfers of all runs in a folder.

    Writes `transfer.json` and `transfer.md`; with `pictures` also PNGs in `figures/`: OMES
    over beta and association matrices of the sources, tables, matrices of sources and
    targets, traversals.

    Args:
      folder: a run's workdir, or a folder that contains runs.
      results: the folder to write to; may be the same.
      title: title of the Markdown page.
      notes: text below the title.
      made_by: the command, stated on the page; by default the command that an earlier page
        in the folder states.
      data_dir: the folder of real data sets, for the traversals.
      pictures: whether to draw.

    Returns:
      The result of `studies.tabulate_transfers`; `on_source`, the result of
      `studies.tabulate_sources`; and `diverged`, {folder: message}.
    """
    out = pathlib.Path(results)
    records, sources = read_transfers(folder), read_sources(folder)
    told = {
        name: [r | {"run": _below(folder, r["run"])} for r in found]
        for name, found in (("records", records), ("source_records", sources))
    }
    result = {"title": title, "notes": notes, **tabulate_transfers(told["records"])}
    result["on_source"] = tabulate_sources(sources)
    runs = dict.fromkeys(r["run"] for r in (*sources, *records))
    result["sources"] = {
        _below(folder, run): strict_json(training.read_config(run)) for run in runs
    }
    result["diverged"] = {
        _below(folder, path): why for path, why in read_divergences(folder).items()
    }
    if made_by := made_by or _made_by(out / "transfer.json"):
        result["made_by"] = made_by
    write_json(out / "transfer.json", result | told)
    head = "\n\n".join(filter(None, (f"# {escape_markdown(title)}", notes)))
    write_whole(out / "transfer.md", f"{head}\n\n{transfer_markdown(result)}")
    if pictures:
        (out / "figures").mkdir(exist_ok=True)
        for name, picture in itertools.chain(
            _source_figures(sources).items(),
            _transfer_figures(result["tables"]).items(),
            _all_traversals(records, data_dir),
        ):
            (out / "figures" / f"{file_name(name)}.png").write_bytes(to_png(picture))
    return result


def _made_by(path: pathlib.Path) -> str:
    """The command that an earlier result states."""
    if not path.is_file():
        return ""
    try:
        return json.loads(path.read_text(encoding="utf-8")).get("made_by", "")
    except (ValueError, AttributeError):
        return ""  # a damaged file is replaced too


def _below(folder: str | os.PathLike[str], run: str | os.PathLike[str]) -> str:
    return pathlib.Path(run).relative_to(folder).as_posix()


def _source_figures(sources: Sequence[Record]) -> dict[str, Any]:
    """Association matrices for each method and beta (lowest seed); scores over beta."""
    groups = alike(sources, ("source", "method"))
    shown = {}
    for settings, records in groups:
        source, method = records[0]["source"], records[0]["method"]
        same = [
            s for s, g in groups if (g[0]["source"], g[0]["method"]) == (source, method)
        ]
        told = told_apart(settings, same)
        of_set = "\n".join(filter(None, (f"on {source}", told)))
        lowest = {r["beta"]: r for r in sorted(records, key=lambda r: -r["seed"])}
        for beta, first in sorted(lowest.items()):
            name = f"association {source} {method} beta {beta:g} {told}".strip()
            shown[name] = association_matrix(
                first["source_scores"],
                title=f"{method}, beta {beta:g}, seed {first['seed']}\n{of_set}",
            )
        scored = {
            r["beta"] for r in records if any(r["source_scores"]["omes"]["scored"])
        }
        if len(scored) > 1:
            name = f"omes over beta {source} {method} {told}".strip()
            shown[name] = omes_over_beta(records, title=f"{method} {of_set}")
    return shown


def _transfer_figures(tables: Sequence[Record]) -> dict[str, Any]:
    shown = {
        f"table {t['source']} {t['target']} {t['method']} {t['adam']} {t['told_apart']}": (
            transfer_picture(t)
        )
        for t in tables
    }
    for method in dict.fromkeys(t["method"] for t in tables):
        own = [t for t in tables if t["method"] == method and t["adam"] == "kept"]
        if len({(t["source"], t["target"]) for t in own}) < len(own):
            logging.info("%s: no matrix, pairs of sets have several tables", method)
            continue
        for row in dict.fromkeys(row for t in own for row in t["rows"]):
            if row in ("GBT, full", "OMES"):
                shown[f"matrix {method} {row}"] = transfer_matrix(
                    own, row=row, method=method
                )
    return shown


def _all_traversals(
    records: Sequence[Record], data_dir: str | os.PathLike[str] | None
) -> Iterator[tuple[str, Pixels]]:
    """Traversals of the first fine-tuned model of each pair and method."""
    shown = set()
    for record in records:
        tuning = record["finetuning"]
        name = "traversals {source} {target} {method} {adam}".format(
            adam=tuning["adam"], **record
        )
        if name in shown or not tuning["steps"]:
            continue
        try:
            picture = transfer_traversals(
                *(record["run"], record["target"]),
                member=record["member"],
                settings=TransferSettings(adam=tuning["adam"]),
                data_dir=data_dir,
            )
        except FileNotFoundError as error:
            logging.warning("%s: not drawn: %s", name, error)
            continue
        shown.add(name)
        yield name, picture


def _gains(
    cells: Sequence[Sequence[Any]],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
) -> Figure:
    """A matrix of gains as colours, with the scores before fine-tuning."""
    gain = [[100 * c["gain"]["mean"] if c else np.nan for c in row] for row in cells]
    texts = [
        [
            f"{100 * c['before']['mean']:.1f} ({100 * c['gain']['mean']:+.1f})"
            if c
            else ""
            for c in row
        ]
        for row in cells
    ]
    rows, columns = [*map(_short, rows)], [*map(_short, columns)]
    figure = matrix(
        np.array(gain),
        rows=rows,
        columns=columns,
        texts=texts,
        title=title,
        diverging=True,
    )
    width, height = figure.get_size_inches()
    across, down = (max(map(len, names)) for names in (rows, columns))
    figure.set_size_inches(width + _NAME[0] * across, height + _NAME[1] * down)
    return figure


def _method(table: Record) -> str:
    """Method of a table, and the settings that differ from others of the pair."""
    return "\n".join(filter(None, (table["method"], table["told_apart"])))


def _short(name: str) -> str:
    """Names a file-based data set after its file."""
    return name.rsplit("/", 1)[-1]


def _some(image_set: data.ImageSet) -> np.ndarray:
    count = min(_SAMPLE, image_set.num_images)
    rng = np.random.default_rng(0)
    index = image_set.choose(rng, count)
    return np.asarray(images_at(image_set, jnp.asarray(index)))


def _moved(
    method: Any, state: Any, images: np.ndarray, dims: Sequence[int], num_values: int
) -> np.ndarray:
    posterior: Any = encode_codes(method, state, images)["z"]
    mean, logvar = posterior
    values = traversal_values(mean, logvar, num_values=num_values)
    decode = jax.jit(method.decode)
    return traverse(
        lambda z: np.asarray(decode(state, {"z": z})), mean[0], values, dims=dims
    )
