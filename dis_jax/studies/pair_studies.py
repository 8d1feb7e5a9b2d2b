"""Shared parts of the studies of SDIM and EDIM."""

from typing import NamedTuple

from dis_jax import evaluation, training
from dis_jax.studies.study_table import Study
from dis_jax.training import pair_config, pair_data, words

STATISTICS = {"running": False, "batch": True}
MODELS = ("logistic", "mlp", "knn")
READERS = ("head", *MODELS)
COLUMNS = tuple(f"{reader}, {by}" for by in STATISTICS for reader in READERS)
IDEAL = "ideal"
PAPER = "head, running"  # Sanchez et al. 2020 use small classifiers
_METHODS = ("sdim", "edim")
NOTES = (
    "Accuracy on test pairs, %, of each attribute from each code. Probes: co-trained "
    "heads; logistic regression, an MLP with two hidden layers of 256 (mlp) and five "
    "nearest neighbours (knn), trained on the frozen codes of 10,000 training pairs. "
    '"running": batch normalisation with running statistics; "batch": with those of the '
    "test batch, as in the public code for SmallNORB; predictions then depend on the "
    "other images of the batch. Ideal: 100 if the code should encode the attribute, "
    "chance otherwise; distance: the sum over attributes of the distances to it. "
    "Accuracies on training pairs are in the JSON file."
)


class Asked(NamedTuple):
    """The parsed argument of a study.

    Attributes:
      dataset: the name of the data set.
      words: the arguments of the configs, in their order.
      steps: of every row; 0: those of its config.
      seeds: of every row.
    """

    dataset: str
    words: tuple[str, ...]
    steps: int
    seeds: tuple[int, ...]

    @property
    def argument(self):
        """The argument of the configs."""
        return ",".join((self.dataset, *self.words))

    @property
    def changes(self):
        """The arguments that change the study's name; the number of seeds does not."""
        return (*self.words, *((f"steps{self.steps}",) if self.steps else ()))


def read_words(dataset, argument):
    """Parses the argument of a study, such as "half,steps5000,seeds2".

    Raises:
      ValueError: if a word is unknown; the message suggests known words.
    """
    options = (*pair_config.options_of(dataset), "demo")
    asked = words.read(argument, {"steps": 0, "seeds": 3}, options)
    seeds = tuple(range(asked.numbers["seeds"]))
    return Asked(dataset, tuple(asked.options), asked.numbers["steps"], seeds)


def study(name, title, dataset, argument, *, published, read_by, source, notes=""):
    """A study of SDIM, and of EDIM from its encoders, on one kind of pairs.

    Args:
      name: of the study; `table` adds the words that change it.
      title: of the study; `table` adds the same words.
      dataset: the data set of the pairs.
      argument: words for `read_words`.
      published: see `table`.
      read_by: see `table`.
      source: of the published numbers.
      notes: added to `NOTES`.
    """
    asked = read_words(dataset, argument)
    rows = {
        name.upper(): training.load_config(f"{name}:{asked.argument}")
        for name in _METHODS
    }
    return table(
        name,
        title,
        rows,
        asked,
        published=published,
        read_by=read_by,
        source=source,
        notes=notes,
    )


def table(name, title, rows, asked, *, published, read_by, source, notes=""):
    """A study of SDIM or EDIM with any rows.

    Args:
      name: of the study, without the words that change it.
      title: of the study, without these words.
      rows: config by name.
      asked: see `read_words`.
      published: {row: {"code attribute": %}}.
      read_by: the column of published numbers: their probe and statistics.
      source: of the published numbers.
      notes: added to `NOTES`.
    """
    for config in rows.values():
        config.tensorboard = False
        config.keep_checkpoints = 1
        config.steps = asked.steps or config.steps

    def of_seed(config, seed):
        if config.method == "edim":  # from the SDIM row of the same seed
            config.init_from.workdir = f"SDIM/seed{seed}"
            config.init_from.step = rows["SDIM"].steps
        if pair_data.leaves_one_out(config):
            # so the deviation over seeds includes the choice of the held-out instance
            count = config.attributes.instance.classes
            pair_data.hold_out(config, (count - 1 - seed) % count)
        return config

    return Study(
        name="_".join((name, *asked.changes)),
        title=title + (f" ({', '.join(asked.changes)})" if asked.changes else ""),
        rows=rows,
        seeds=asked.seeds,
        score=score,
        published={
            f"{row}, {line}": {read_by: value}
            for row, lines in published.items()
            for line, value in lines.items()
        },
        source=source if published else "",
        notes=f"{NOTES} {notes}".strip(),
        shown=(IDEAL, *COLUMNS),
        of_seed=of_seed,
    )


def score(trained):
    """A line per code and attribute, a column per probe and kind of statistics."""
    lines, distances = {}, {}
    for by, batch_statistics in STATISTICS.items():
        readings = evaluation.read_run(
            *(trained.state, trained.config, trained.data_dir),
            batch_statistics=batch_statistics,
            # the other codes belong to the run that this one starts from
            codes=tuple(trained.config.heads),
            models=MODELS,
            seed=trained.seed,
        )
        for r in readings:
            ideal = 1.0 if r.wanted else r.chance
            line = lines.setdefault(f"{r.code} {r.attribute}", {IDEAL: 100 * ideal})
            line[f"{r.reader}, {by}"] = 100 * r.accuracy
            line[f"{r.reader}, {by}, train"] = 100 * r.train_accuracy
        for key, value in evaluation.distance_to_ideal(readings).items():
            code, reader = key.split(" ")
            line = distances.setdefault(f"{code} distance", {IDEAL: 0.0})
            line[f"{reader}, {by}"] = 100 * value
    return lines | distances
