"""Transfer: a model scored on another set than its own, before and after fine-tuning."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any, NamedTuple

import jax
from absl import logging

from dis_jax import data, training
from dis_jax.evaluation.encoding import code_fn
from dis_jax.evaluation.transfer_scores import (
    check_readers,
    encode_sample,
    source_scores,
    transfer_distances,
    transfer_scores,
)
from dis_jax.evaluation.transfer_setup import (
    DEFAULTS,
    FOLDER,
    NETWORKS,
    OPTIMISER,
    TransferSettings,
    changes,
    check_finetuning,
    check_shapes,
    check_trained,
    finetuning_config,
    load_target,
    transfer_folder,
)
from dis_jax.methods import Method, State
from dis_jax.provenance import provenance
from dis_jax.training.workdir import differences, steps_made

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
      `source_scores`, `before` and `after` (`transfer_scores`), `distances`
      (`transfer_distances`).

    Raises:
      ValueError: if the two sets differ in the shape of their images; says how to make
        them one. Also if the source is of another kind, or not trained to its end, or was
        trained on since, or if there are results of other settings, or of more steps of
        fine-tuning.

    Example:
      >>> from dis_jax import evaluation
      >>> def gain(workdir, target):
      ...     (record,) = evaluation.transfer(workdir, target)
      ...     before, after = (record[k]["omes"]["score"] for k in ("before", "after"))
      ...     return after - before
    """
    source = pathlib.Path(os.path.normpath(source))
    config = training.read_config(source)
    target_set = load_target(target, data_dir)
    check_shapes(config, target, target_set.image_shape)
    check_readers(settings.readers, settings.trees)
    models = _models(source, config)
    folder = transfer_folder(source, target, settings)
    step = int(models[0].state.step)
    tuning = finetuning_config(source, config, step, target, settings)
    check_finetuning(folder, tuning)
    ledger = _Ledger(folder / "transfer.json")
    also = {"target": target, "scoring": _scoring(settings)}
    abouts = [_about(source, model) | also for model in models]
    for about in abouts:
        ledger.check(about)

    homes = score_source(source, settings, data_dir=data_dir)
    source_set = data.load(config.dataset, data_dir, config.split)
    for model, home, about in zip(models, homes, abouts, strict=True):
        if ledger.find(about) is None:
            logging.info("%s to %s: scores before fine-tuning", about["run"], target)
            found = _before(
                model, home["source_scores"], source_set, target_set, settings
            )
            ledger.write(
                about | {"source_scores": home["source_scores"]} | found | provenance()
            )
    _finetune(ledger, folder, tuning, target_set, settings, data_dir)
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
      A record for each model, JSON: what it is, and its `source_scores`.

    Example:
      >>> from dis_jax import evaluation
      >>> def omes(workdir):
      ...     (record,) = evaluation.score_source(workdir)
      ...     return record["source_scores"]["omes"]["score"]
    """
    source = pathlib.Path(os.path.normpath(source))
    config = training.read_config(source)
    ledger = _Ledger(source / FOLDER / "source.json")
    image_set = data.load(config.dataset, data_dir, config.split)
    scoring = {k: v for k, v in _scoring(settings).items() if k in _AT_SOURCE}
    for model in _models(source, config):
        about = _about(source, model) | {"scoring": scoring}
        if ledger.find(about) is None:
            logging.info("%s: scores on its own set", about["run"])
            home = source_scores(
                code_fn(model.method, model.state),
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
    config: Any
    member: int | None
    seed: int
    beta: float


class _Ledger:
    """A file of records, one a model, written after every change."""

    def __init__(self, path: pathlib.Path):
        self._path = path
        known = json.loads(path.read_text()) if path.is_file() else []
        self._records: dict[int | None, Record] = {r["member"]: r for r in known}

    @property
    def records(self) -> list[Record]:
        """In the order of the members."""
        return [self._records[k] for k in sorted(self._records, key=lambda k: k or 0)]

    def find(self, about: Record) -> Record | None:
        """The record of a member, if it was made of the same."""
        found = self._records.get(about["member"])
        return found if found is not None and not _changed(found, about) else None

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
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".tmp")
        fresh.write_text(json.dumps(self.records, indent=1, allow_nan=False) + "\n")
        fresh.replace(self._path)


def _changed(record: Record, about: Record) -> dict[str, tuple[Any, Any]]:
    """In what a record is of something else; how its path was spelled says nothing."""
    found = differences({name: record.get(name) for name in about}, about)
    return {name: pair for name, pair in found.items() if name != "run"}


def _models(source: pathlib.Path, config: Any) -> list[_Model]:
    check_trained(source, config)
    method, state, _ = training.restore(source)
    lacking = [name for name in NETWORKS if name not in state.params]
    if lacking or OPTIMISER not in state.opt_state:
        raise ValueError(
            f"{source} is a {config.method!r}, with the networks {sorted(state.params)}; "
            "transfer goes on as a beta_vae: take a source with an encoder and a decoder, "
            "such as beta_vae, ada_gvae or group_vae."
        )
    many = training.is_population(config)
    return [
        _Model(
            method,
            training.member(state, i) if many else state,
            config,
            i if many else None,
            member.seed,
            float(member.hparams.get("beta", 1.0)),
        )
        for i, member in enumerate(training.members(config))
    ]


def _about(source: pathlib.Path, model: _Model) -> Record:
    return {
        "run": str(source),
        "member": model.member,
        "method": model.config.method,
        "seed": model.seed,
        "beta": model.beta,
        "source": model.config.dataset,
        "source_steps": int(model.state.step),
    }


def _scoring(settings: TransferSettings) -> Record:
    """The settings that scores depend on, as JSON gives them back."""
    return {
        "trees": settings.trees,
        "readers": list(settings.readers),
        "num_codes": settings.num_codes,
        "num_pairs": settings.num_pairs,
        "seed": settings.seed,
    }


def _before(
    model: _Model,
    home: Record,
    source_set: data.ImageSet,
    target_set: data.ImageSet,
    settings: TransferSettings,
) -> Record:
    encode = code_fn(model.method, model.state)
    draw = (jax.random.key(settings.seed), settings.num_codes)
    encoded = encode_sample(encode, target_set, *draw)
    before = transfer_scores(
        *(encode, target_set, encoded, draw[0]),
        trees=settings.trees,
        readers=settings.readers,
        num_pairs=settings.num_pairs,
    )
    source_codes = encode_sample(encode, source_set, *draw).codes
    distances = transfer_distances(
        *(source_codes, encoded.codes, home["omes"], before["omes"])
    )
    return {"before": before, "distances": distances, "after": None, "finetuning": None}


def _finetune(
    ledger: _Ledger,
    folder: pathlib.Path,
    tuning: Any,
    target_set: data.ImageSet,
    settings: TransferSettings,
    data_dir: Path | None,
) -> None:
    """Fine-tunes all models at once, and scores each that has not been."""
    done = {
        "steps": settings.finetune_steps,
        "adam": settings.adam,
        "learning_rate": settings.learning_rate,
        "batch_size": settings.batch_size,
    }
    waiting = [record for record in ledger.records if record["finetuning"] != done]
    if not waiting:
        return
    if steps_made(folder):
        # `check_finetuning` has seen to changes: nothing but the source's path is another
        tuning.init_from.workdir = training.read_config(folder).init_from.workdir
    states = training.train(tuning, folder, data_dir=data_dir)
    method = training.make_method(training.read_config(folder))
    for record in waiting:
        logging.info("%s: scores after fine-tuning", folder)
        i = record["member"]
        encode = code_fn(method, states if i is None else training.member(states, i))
        key = jax.random.key(settings.seed)
        encoded = encode_sample(encode, target_set, key, settings.num_codes)
        after = transfer_scores(
            *(encode, target_set, encoded, key),
            trees=settings.trees,
            readers=settings.readers,
            num_pairs=settings.num_pairs,
        )
        ledger.write(record | {"after": after, "finetuning": done})
