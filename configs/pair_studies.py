"""What the studies of SDIM and EDIM have in common."""

from configs import edim, sdim
from dis_jax import evaluation

STATISTICS = {"running": False, "batch": True}
READERS = ("head", "logistic", "knn")
NOTES = (
    "Accuracy on test pairs, %, of each attribute on each code. Readers: heads trained "
    "with the system, logistic regression and five nearest neighbours fitted to 10,000 "
    'training pairs afterwards. "running": batch normalisation by running statistics; '
    '"batch": by those of the test batch, which the public code for SmallNORB uses and '
    "which lets the images of a batch know each other. Distance: sum over attributes of "
    "the distance to 100 where the code is to hold it, to chance where not."
)


def study(
    name, title, argument, folder, *, published, source, notes="", seeds=(0, 1, 2)
):
    """SDIM, and EDIM from its encoders, on one kind of pairs.

    `folder` is that of the study, where EDIM finds the SDIM run of its seed.
    """
    rows = {"SDIM": sdim.get_config(argument), "EDIM": edim.get_config(argument)}
    return table(
        name, title, rows, seeds, folder, published, source, f"{NOTES} {notes}".strip()
    )


def table(name, title, rows, seeds, folder, published, source, notes):
    """A study of any rows; `published` is {row: {column: value}}."""
    for config in rows.values():
        config.tensorboard = False
        config.keep_checkpoints = 1
    lines = [f"{reader}, {by}" for by in STATISTICS for reader in READERS]

    def of_seed(config, seed):
        if config.method == "edim":
            config.shared_from = config.init_from.workdir = f"{folder}/SDIM/seed{seed}"
        return config

    return evaluation.Study(
        name=name,
        title=title,
        rows=rows,
        seeds=seeds,
        score=score,
        published={
            f"{row}, {line}": columns
            for row, columns in published.items()
            for line in lines
        },
        source=source,
        notes=notes,
        of_seed=of_seed,
    )


def score(trained):
    """A line for each reader and kind of statistics, a column for each reading."""
    lines = {}
    for by, batch_statistics in STATISTICS.items():
        readings = evaluation.read_run(
            *(trained.state, trained.config, trained.data_dir),
            batch_statistics=batch_statistics,
            seed=trained.seed,
        )
        for r in readings:
            line = lines.setdefault(f"{r.reader}, {by}", {})
            line[f"{r.code} {r.attribute}"] = 100 * r.accuracy
            line[f"{r.code} {r.attribute}, train"] = 100 * r.train_accuracy
        for key, value in evaluation.distance_to_ideal(readings).items():
            code, reader = key.split(" ")
            lines[f"{reader}, {by}"][f"{code} distance"] = 100 * value
    return lines
