"""Transfer: a model scored on another set than its own, before and after fine-tuning."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import logging

from dis_jax import data, training
from dis_jax.files import write_whole
from dis_jax.methods import Method, State
from dis_jax.probing.encoding import Encode, code_fn
from dis_jax.provenance import provenance
from dis_jax.studies.transfer_scores import (
    check_readers,
    encode_sample,
    source_scores,
    transfer_distances,
    transfer_scores,
)
from dis_jax.studies.transfer_setup import (
    DEFAULTS,
    FOLDER,
    TransferSettings,
    check_finetuning,
    check_shapes,
    check_source,
    finetuning_config,
    load_target,
    source_name,
    transfer_folder,
)
from dis_jax.training.workdir import changes, differences, steps_made

Path = str | os.PathLike[str]
Record = dict[str, Any]

_AT_SOURCE = ("num_codes", "num_pairs", "seed")  # what scores of a source depend on


def transfer(
    source: Path,
    target: str,
    settings: TransferSettings = DEFAULTS,
    *,
    data_dir: Path | None = None,
) -> list[Record]:
    """Scores a trained model, or each of a population, on a target; fine-tunes; scores.

    Everything lies in `<source>/transfer/<target>/`: the fine-tuning, which is a run like
    any other (a `beta_vae` with the source's beta on single images, without warm-up or
    clipping), and `transfer.json`. What is there is not done again, and a fine-tuning
    that was cut off goes on. Results of other settings are not replaced: what could be
    refused is, before anything is done.

    Eq.: Dapueto et al. 2024, methodology of transfer

    Args:
      source: the workdir of a run whose state is that of a `beta_vae`.
      target: name of a labelled set, see `data.load`, with images of the source's
        shape; a split may follow a colon: "smallnorb+coloured:test".
      settings: see `TransferSettings`.
      data_dir: the folder of real data sets.

    Returns:
      A record for each model, JSON: what it is (`run`, `member`, `method`, `seed`,
      `beta`, `source`, `source_steps`, `target`), how it was scored and fine-tuned
      (`scoring`, `finetuning`), and the results of the functions of the same names:
      `source_scores` (None where the source has no labels), `before` and `after`
      (`transfer_scores`), `distances` (`transfer_distances`). `versions` and `hardware`
      are those of what came before fine-tuning, `finetuned_with` of what came after.

    Raises:
      ValueError: if the two sets differ in the shape of their images; says how to make
        them one. Also if the target has no labels, if the source is of another kind, or
        not trained to its end, or was trained on since, or if there are results of other
        settings, or of more steps of fine-tuning.
      BusyError: if another process is at it.
      NonFiniteError: if fine-tuning diverges; what was found before it stays.

    Example:
      >>> from dis_jax import studies
      >>> def gain(workdir, target):
      ...     (record,) = studies.transfer(workdir, target)
      ...     before, after = (record[k]["omes"]["score"] for k in ("before", "after"))
      ...     return after - before
    """
    source = pathlib.Path(os.path.normpath(source))
    config = training.read_config(source)
    check_readers(settings.readers, settings.trees)
    check_source(source, config)
    folder = transfer_folder(source, target, settings)
    with training.held(folder.with_name(f".{folder.name}.lock")):
        tuning = finetuning_config(source, config, steps_made(source), target, settings)
        check_finetuning(folder, tuning)
        ledger = _Ledger(folder / "transfer.json", source)
        also = {"target": target, "scoring": _scoring(settings)}
        abouts = [about | also for about in _abouts(source, config)]
        for about in abouts:
            ledger.check(about)
        done = _finetuning(settings)
        if any(ledger.lacks(about, done) for about in abouts):
            target_set = load_target(target, data_dir)
            check_shapes(
                *(source_name(config), tuple(config.image_shape)),
                *(target, target_set.image_shape),
            )
            _score_before(ledger, abouts, target_set, settings, data_dir)
            _finetune(ledger, done, folder, tuning, target_set, settings, data_dir)
        return ledger.records


def score_source(
    source: Path,
    settings: TransferSettings = DEFAULTS,
    *,
    data_dir: Path | None = None,
) -> list[Record]:
    """OMES of a trained model, or of each of a population, on its own set.

    Written to `<source>/transfer/source.json`; what is there is not computed again.

    Args:
      source: the workdir of a run.
      settings: `num_codes`, `num_pairs` and `seed` count.
      data_dir: the folder of real data sets.

    Returns:
      A record for each model, JSON: what it is, and its `source_scores`; none where its
      set has no labels.

    Raises:
      ValueError: if the source is of another kind, or not trained to its end.

    Example:
      >>> from dis_jax import studies
      >>> def omes(workdir):
      ...     (record,) = studies.score_source(workdir)
      ...     return record["source_scores"]["omes"]["score"]
    """
    source = pathlib.Path(os.path.normpath(source))
    config = training.read_config(source)
    check_source(source, config)
    ledger = _Ledger(source / FOLDER / "source.json", source)
    scoring = {k: v for k, v in _scoring(settings).items() if k in _AT_SOURCE}
    abouts = [about | {"scoring": scoring} for about in _abouts(source, config)]
    missing = [about for about in abouts if ledger.find(about) is None]
    if not missing:
        return ledger.records
    image_set = data.load(config.dataset, data_dir, config.split)
    if not image_set.factor_names:
        logging.info("%s: %s has no labels to score by", source, config.dataset)
        return []
    for about, model in _restored(source, missing):
        logging.info("%s: scores on its own set", source)
        home = source_scores(
            code_fn(*model),
            image_set,
            jax.random.key(settings.seed),
            num_codes=settings.num_codes,
            num_pairs=settings.num_pairs,
        )
        ledger.write(about | {"source_scores": home} | provenance())
    return ledger.records


class _Model(NamedTuple):
    """A trained model, alone or one of a population."""

    method: Method
    state: State


class _Ledger:
    """A file of records, one a model, written after every change."""

    def __init__(self, path: pathlib.Path, run: pathlib.Path):
        self._path = path
        known = json.loads(path.read_text()) if path.is_file() else []
        # the folder may have been moved since
        self._records: dict[int | None, Record] = {
            r["member"]: r | {"run": str(run)} for r in known
        }

    @property
    def records(self) -> list[Record]:
        """In the order of the members."""
        return [self._records[k] for k in sorted(self._records, key=lambda k: k or 0)]

    def find(self, about: Record) -> Record | None:
        """The record of a member, if it was made of the same."""
        found = self._records.get(about["member"])
        return found if found is not None and not _changed(found, about) else None

    def lacks(self, about: Record, finetuning: Record) -> bool:
        """Whether something is still to be done of a transfer."""
        found = self.find(about)
        return found is None or found["finetuning"] != finetuning

    def check(self, about: Record) -> None:
        """Refuses to put another record in the place of one that is complete."""
        found = self._records.get(about["member"])
        if found is not None and found["after"] and (held := _changed(found, about)):
            raise ValueError(
                f"{self._path} holds results of other settings:\n{changes(held)}\nSet "
                "them as they were, in launch.transfer by flags such as --readers, or "
                "move that file away: what was fine-tuned stays, and is scored anew."
            )

    def write(self, record: Record) -> None:
        self._records[record["member"]] = record
        text = json.dumps(self.records, indent=1, allow_nan=False) + "\n"
        write_whole(self._path, text)


def _changed(record: Record, about: Record) -> dict[str, tuple[Any, Any]]:
    """In what a record is of something else; where its run lies says nothing."""
    found = differences({name: record.get(name) for name in about}, about)
    return {name: pair for name, pair in found.items() if name != "run"}


def _abouts(source: pathlib.Path, config: Any) -> list[Record]:
    """What each model of a run is; no checkpoint is read."""
    many = training.is_population(config)
    return [
        {
            "run": str(source),
            "member": i if many else None,
            "method": config.method,
            "seed": member.seed,
            "beta": float(member.hparams.get("beta", 1.0)),
            "source": source_name(config),
            "source_steps": steps_made(source),
        }
        for i, member in enumerate(training.members(config))
    ]


def _restored(
    source: pathlib.Path, abouts: Sequence[Record]
) -> list[tuple[Record, _Model]]:
    """The models that are meant."""
    method, state, _ = training.restore(source)
    found, wanted = np.ravel(state.step)[0], abouts[0]["source_steps"]
    if found != wanted:  # the last checkpoint is damaged, and one before it was read
        raise ValueError(
            f"the checkpoint of step {wanted} in {source} cannot be read, but that of "
            f"step {found} can: train the source to its end again."
        )
    return [(about, _Model(method, _member(state, about))) for about in abouts]


def _member(state: State, about: Record) -> State:
    i = about["member"]
    return state if i is None else training.member(state, i)


def _scoring(settings: TransferSettings) -> Record:
    """The settings that scores depend on, as JSON gives them back."""
    return {
        "trees": settings.trees,
        "readers": list(settings.readers),
        "num_codes": settings.num_codes,
        "num_pairs": settings.num_pairs,
        "seed": settings.seed,
    }


def _finetuning(settings: TransferSettings) -> Record:
    """The settings of fine-tuning, as JSON gives them back."""
    return {
        "steps": settings.finetune_steps,
        "adam": settings.adam,
        "learning_rate": settings.learning_rate,
        "batch_size": settings.batch_size,
    }


def _score_before(
    ledger: _Ledger,
    abouts: Sequence[Record],
    target_set: data.ImageSet,
    settings: TransferSettings,
    data_dir: Path | None,
) -> None:
    """Scores each model that has not been, and how far the target lies from its set."""
    missing = [about for about in abouts if ledger.find(about) is None]
    if not missing:
        return
    source = pathlib.Path(missing[0]["run"])
    config = training.read_config(source)
    homes = {
        record["member"]: record["source_scores"]
        for record in score_source(source, settings, data_dir=data_dir)
    }
    source_set = data.load(config.dataset, data_dir, config.split)
    draw = (jax.random.key(settings.seed), settings.num_codes)
    for about, model in _restored(source, missing):
        logging.info("%s to %s: scores before fine-tuning", source, about["target"])
        encode, home = code_fn(*model), homes.get(about["member"])
        codes, before = _scored(encode, target_set, settings)
        distances = transfer_distances(
            *(encode_sample(encode, source_set, *draw).codes, codes),
            *(home and home["omes"], before["omes"]),
        )
        found = {"before": before, "distances": distances}
        waits = {"after": None, "finetuning": None}
        ledger.write(about | {"source_scores": home} | found | waits | provenance())


def _scored(
    encode: Encode, target_set: data.ImageSet, settings: TransferSettings
) -> tuple[Any, Record]:
    """Codes of images of the target, and their scores."""
    key = jax.random.key(settings.seed)
    encoded = encode_sample(encode, target_set, key, settings.num_codes)
    scores = transfer_scores(
        *(encode, target_set, encoded, key),
        trees=settings.trees,
        readers=settings.readers,
        num_pairs=settings.num_pairs,
    )
    return encoded.codes, scores


def _finetune(
    ledger: _Ledger,
    done: Record,
    folder: pathlib.Path,
    tuning: Any,
    target_set: data.ImageSet,
    settings: TransferSettings,
    data_dir: Path | None,
) -> None:
    """Fine-tunes all models at once, and scores each that has not been."""
    if steps_made(folder):
        # `check_finetuning` has seen to changes: nothing but the source's path is another
        tuning.init_from.workdir = training.read_config(folder).init_from.workdir
    states = training.train(tuning, folder, data_dir=data_dir)
    method = training.make_method(training.read_config(folder))
    for record in ledger.records:
        if record["finetuning"] == done:
            continue
        logging.info("%s: scores after fine-tuning", folder)
        encode = code_fn(method, _member(states, record))
        _, after = _scored(encode, target_set, settings)
        found = {"after": after, "finetuning": done, "finetuned_with": provenance()}
        ledger.write(record | found)
