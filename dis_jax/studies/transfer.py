"""One transfer: a model scored on a target, fine-tuned there, and scored again."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import logging

from dis_jax import data, training
from dis_jax.files import write_json
from dis_jax.methods import State, schedules
from dis_jax.probing.encoding import Encode, code_fn
from dis_jax.provenance import provenance
from dis_jax.studies.fine_tuning import (
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
from dis_jax.studies.transfer_scores import (
    check_readers,
    encode_sample,
    source_scores,
    transfer_distances,
    transfer_scores,
)
from dis_jax.training.workdir import changes, differences, steps_made

Path = str | os.PathLike[str]
Record = dict[str, Any]

# Names of settings in a record: those that affect scores, those of them that affect scores
# on the source, and those of fine-tuning.
_SCORING = ("trees", "readers", "num_codes", "num_pairs", "seed")
_AT_SOURCE = ("num_codes", "num_pairs", "seed")
_FINETUNING = ("adam", "learning_rate", "batch_size")


def transfer(
    source: Path,
    target: str,
    settings: TransferSettings = DEFAULTS,
    *,
    data_dir: Path | None = None,
) -> list[Record]:
    """Scores a model, or each of a population, on a target, before and after fine-tuning.

    `<source>/transfer/<target>/` contains everything: the fine-tuning, an ordinary run
    (a `beta_vae` with the source's beta on single images, without warm-up or clipping),
    and `transfer.json`. Finished parts are not repeated, and an interrupted fine-tuning
    resumes. Results of other settings are never overwritten: such a call is refused
    before anything is computed.

    Eq.: Dapueto et al. 2024, methodology of transfer

    Args:
      source: the workdir of a run whose state is that of a `beta_vae`.
      target: name of a labelled set, see `data.load`, with images of the source's
        shape; a split may follow a colon: "smallnorb+coloured:test".
      settings: see `TransferSettings`.
      data_dir: the folder of real data sets.

    Returns:
      A record for each model, JSON: its description (`run`, `member`, `method`, `seed`,
      `beta`, `source`, `source_steps`, `target`), the settings of scoring and fine-tuning
      (`scoring`, `finetuning`), and the results of the functions of the same names:
      `source_scores` (None if the source has no labels), `before` and `after`
      (`transfer_scores`), `distances` (`transfer_distances`). `versions` and `hardware`
      describe the work before fine-tuning, `finetuned_with` the work after it.

    Raises:
      ValueError: if the two sets differ in image shape; the message says how to match
        them. Also if the target has no labels; if the source is of another kind, has not
        finished training, or was trained further since; or if there are results of other
        settings or of more steps of fine-tuning.
      BusyError: if another process works on it.
      NonFiniteError: if fine-tuning diverges; earlier results are kept.

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
        tuning = finetuning_config(source, config, target, settings)
        check_finetuning(folder, tuning)
        scoring = _as_json(settings, _SCORING)
        models = _models(source, config, target=target, scoring=scoring)
        ledger = _Ledger(folder / "transfer.json", models)
        ledger.check()
        done = {"steps": tuning.steps} | _as_json(settings, _FINETUNING)
        if ledger.missing() or any(r["finetuning"] != done for r in ledger.records):
            target_set = load_target(target, data_dir)
            names = (source_name(config), target)
            check_shapes(names[0], config.image_shape, names[1], target_set.image_shape)

            def score(encode: Encode) -> tuple[Any, Record]:
                return _codes_and_scores(encode, target_set, settings)

            _score_before(source, config, ledger, settings, data_dir, score)
            _finetune(folder, tuning, ledger, done, data_dir, score)
        return ledger.records


def score_source(
    source: Path,
    settings: TransferSettings = DEFAULTS,
    *,
    data_dir: Path | None = None,
) -> list[Record]:
    """OMES of a trained model, or of each of a population, on its own set.

    Written to `<source>/transfer/source.json`; existing scores are not recomputed.

    Args:
      source: the workdir of a run.
      settings: only `num_codes`, `num_pairs` and `seed` are used.
      data_dir: the folder of real data sets.

    Returns:
      A record for each model, JSON: its description, and its `source_scores`; no records
      if its set has no labels.

    Raises:
      ValueError: if the source is of another kind, or has not finished training.

    Example:
      >>> from dis_jax import studies
      >>> def omes(workdir):
      ...     (record,) = studies.score_source(workdir)
      ...     return record["source_scores"]["omes"]["score"]
    """
    source = pathlib.Path(os.path.normpath(source))
    config = training.read_config(source)
    check_source(source, config)
    return _score_source(
        source, config, settings, lambda: _opened(source, config, data_dir)
    )


def _score_source(
    source: pathlib.Path,
    config: Any,
    settings: TransferSettings,
    opened: Callable[[], _Opened],
) -> list[Record]:
    """The records of `score_source`; the source is opened if one is missing."""
    models = _models(source, config, scoring=_as_json(settings, _AT_SOURCE))
    ledger = _Ledger(source / FOLDER / "source.json", models)
    if missing := ledger.missing():
        image_set, encoder_of = opened()
        if not image_set.factor_names:
            logging.info("%s: skipped scores: %s has no labels", source, config.dataset)
            return []
        for model in missing:
            logging.info("%s: scores on its own set", source)
            scores = source_scores(
                *(encoder_of(model), image_set, jax.random.key(settings.seed)),
                num_codes=settings.num_codes,
                num_pairs=settings.num_pairs,
            )
            ledger.write(model | {"source_scores": scores} | provenance())
    return ledger.records


def read_records(path: pathlib.Path) -> list[Record]:
    """The records in a file; a ValueError names a damaged file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        _ = [record["member"] for record in found]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{path} is damaged ({type(error).__name__}: {error}): delete it, and the same "
            "command recreates it."
        ) from None
    return found


class _Ledger:
    """A file of records, one for each of some models, written after every change."""

    def __init__(self, path: pathlib.Path, models: Sequence[Record]):
        self._path, self._models = path, models
        known = read_records(path) if path.is_file() else []
        # The folder of the run may have been moved since.
        self._by_member: dict[int | None, Record] = {
            r["member"]: r | {"run": models[0]["run"]} for r in known
        }

    @property
    def records(self) -> list[Record]:
        """The records in the order of the models; models without one are skipped."""
        members = [model["member"] for model in self._models]
        return [self._by_member[m] for m in members if m in self._by_member]

    def missing(self) -> list[Record]:
        """The models without a record, or with one of other settings."""
        return [
            m
            for m in self._models
            if m["member"] not in self._by_member or self._changed(m)
        ]

    def check(self) -> None:
        """Refuses to replace a complete record by one of other settings."""
        for model in self._models:
            found = self._by_member.get(model["member"])
            if found and found["after"] and (held := self._changed(model)):
                raise ValueError(
                    f"{self._path} contains results of other "
                    f"settings:\n{changes(held)}\nRestore them by flags such as --readers, "
                    "or move that file away: the fine-tuned models are kept and scored "
                    "again."
                )

    def write(self, record: Record) -> None:
        self._by_member[record["member"]] = record
        write_json(self._path, self.records)

    def _changed(self, model: Record) -> dict[str, tuple[Any, Any]]:
        """Fields in which the record of a model differs from the request."""
        found = self._by_member[model["member"]]
        return differences({name: found.get(name) for name in model}, model)


def _as_json(settings: TransferSettings, names: Sequence[str]) -> Record:
    """Some settings as they come back from a file, with lists in place of tuples."""
    return json.loads(json.dumps({name: getattr(settings, name) for name in names}))


def _models(source: pathlib.Path, config: Any, **asked: Any) -> list[Record]:
    """A record of each model of a run with the requested settings, without scores."""
    many = training.is_population(config)
    if len({member.dataset for member in training.members(config)}) > 1:
        raise ValueError(
            f"the members of {source} were trained on several data sets; export each "
            "and transfer that."
        )
    return [
        {
            "run": str(source),
            "member": i if many else None,
            "method": config.method,
            "seed": member.seed,
            "beta": schedules.at(member.hparams.get("beta", 1.0), config.steps),
            "source": source_name(config),
            "source_steps": steps_made(source),
            **asked,
        }
        for i, member in enumerate(training.members(config))
    ]


class _Opened(NamedTuple):
    """A run's own images, and a function from the record of a model to its encoder."""

    image_set: data.ImageSet
    encoder_of: Callable[[Record], Encode]


def _opened(source: pathlib.Path, config: Any, data_dir: Path | None) -> _Opened:
    image_set = training.load_data(source, config.dataset, data_dir, config.split)
    method, states, _ = training.restore(source)
    # The maximum: diverged members have stopped earlier than the others.
    found, wanted = np.max(states.step), steps_made(source)
    if found != wanted:  # the last checkpoint is damaged, and an earlier one was read
        raise ValueError(
            f"the checkpoint of step {wanted} in {source} cannot be read, but that of step "
            f"{found} can: finish training the source again."
        )
    return _Opened(image_set, lambda model: code_fn(method, _state_of(states, model)))


def _state_of(states: State, model: Record) -> State:
    i = model["member"]
    return states if i is None else training.member(states, i)


def _codes_and_scores(
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


def _score_before(
    source: pathlib.Path,
    config: Any,
    ledger: _Ledger,
    settings: TransferSettings,
    data_dir: Path | None,
    score: Callable[[Encode], tuple[Any, Record]],
) -> None:
    """Scores the models that are not scored yet, and their distance to the target."""
    if not (missing := ledger.missing()):
        return
    # Opened once for both scores: each new encoder is another program to compile.
    opened = _opened(source, config, data_dir)
    on_source = {
        record["member"]: record["source_scores"]
        for record in _score_source(source, config, settings, lambda: opened)
    }
    draw = (jax.random.key(settings.seed), settings.num_codes)
    for model in missing:
        encode = opened.encoder_of(model)
        logging.info("%s to %s: scores before fine-tuning", source, model["target"])
        own = on_source.get(model["member"])
        codes, before = score(encode)
        # The source images that `score_source` has scored: the same seed draws them again.
        distances = transfer_distances(
            *(encode_sample(encode, opened.image_set, *draw).codes, codes),
            *(own and own["omes"], before["omes"]),
        )
        found = {"source_scores": own, "before": before, "distances": distances}
        ledger.write(model | found | {"after": None, "finetuning": None} | provenance())


def _finetune(
    folder: pathlib.Path,
    tuning: Any,
    ledger: _Ledger,
    done: Record,
    data_dir: Path | None,
    score: Callable[[Encode], tuple[Any, Record]],
) -> None:
    """Fine-tunes all models at once, and scores those that are not scored yet."""
    if steps_made(folder):
        # `check_finetuning` has compared the rest: only the source's path may differ
        tuning.init_from.workdir = training.read_config(folder).init_from.workdir
    states = training.train(tuning, folder, data_dir=data_dir)
    method = training.make_method(training.read_config(folder))
    for record in ledger.records:
        if record["finetuning"] == done:
            continue
        logging.info("%s: scores after fine-tuning", folder)
        _, after = score(code_fn(method, _state_of(states, record)))
        found = {"after": after, "finetuning": done, "finetuned_with": provenance()}
        ledger.write(record | found)
