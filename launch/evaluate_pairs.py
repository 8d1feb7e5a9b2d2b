"""Probes every code of a model trained on pairs of views for every attribute.

  python -m launch.evaluate_pairs --workdir=runs/sdim

Uses the co-trained heads and probes on the frozen codes, with running statistics in batch
normalisation and with those of each batch. Prints the table and writes it to
<workdir>/evaluation/ for the report.
"""

import functools
import pathlib
import time

from absl import flags

from dis_jax import process
from dis_jax.files import write_json

from . import shared_flags, start

_WORKDIR = shared_flags.workdir()
_DATA_DIR = shared_flags.data_dir()
_MODELS = flags.DEFINE_list(
    "models", "logistic,knn", "Probes: logistic, mlp, knn, gbt."
)
_NUM_TRAIN = shared_flags.count(
    "num_train", 10_000, "Number of training pairs of the probes."
)
_NUM_TEST = shared_flags.count("num_test", 10_000, "Number of test pairs.")
_MEMBER = shared_flags.member()
_SEED = shared_flags.seed("pairs and probes")
_OVERWRITE = shared_flags.overwrite()


def main(argv):
    del argv
    process.set_up_jax()
    from dis_jax import evaluation, training
    from dis_jax.metrics.downstream import check_model

    from . import models

    for model in _MODELS.value:  # raises before anything is encoded
        check_model(model)
    _, state, config, diverged = models.restore(_WORKDIR.value, _MEMBER.value)
    step, member = int(state.step), _MEMBER.value
    name = f"pairs_seed{_SEED.value}_step{step}"
    name += "" if member is None else f"_member{member}"
    folder = pathlib.Path(_WORKDIR.value) / "evaluation"
    out = evaluation.new_file(folder, name, _OVERWRITE.value)
    counts = {"num_train": _NUM_TRAIN.value, "num_test": _NUM_TEST.value}
    entries = {}
    for by in ("running", "batch"):
        began = time.perf_counter()
        pairs = evaluation.encode_run(
            *(state, config, _DATA_DIR.value),
            batch_statistics=by == "batch",
            seed=_SEED.value,
            load=functools.partial(training.load_data, _WORKDIR.value),
            **counts,
        )
        readings = evaluation.read_pairs(
            *(*pairs, config.wanted), models=_MODELS.value, seed=_SEED.value
        )
        result = {f"{r.code} {r.attribute} {r.reader}": r.accuracy for r in readings}
        distances = evaluation.distance_to_ideal(readings)
        result |= {f"distance {name}": value for name, value in distances.items()}
        entries[f"probes, {by} statistics"] = {
            "result": result | {"readings": [r._asdict() for r in readings]},
            "settings": {"statistics": by, "models": _MODELS.value, **counts},
            "left_out": evaluation.left_out_attributes(*pairs),
            "seconds": round(time.perf_counter() - began, 2),
        }
    result = evaluation.record(
        entries,
        **diverged,
        data=config.dataset,
        seed=_SEED.value,
        source={"step": step, "member": member, "code": None},
    )
    print(evaluation.format_table(result))  # first: the folder may be read-only
    write_json(out, result)
    print(f"written to {out}")


if __name__ == "__main__":
    start.run(main)
