"""Probes every code of a model trained on pairs of views for every attribute.

  python -m launch.evaluate_pairs --workdir=runs/sdim

Uses the co-trained heads and probes on the frozen codes, with running statistics in batch
normalisation and with those of each batch. Prints the table and writes it to
<workdir>/evaluation/ for the report.
"""

import json
import pathlib
import time

from absl import flags

from . import start

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run.", required=True)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Folder of real data sets; by default $DIS_JAX_DATA_DIR."
)
_MODELS = flags.DEFINE_list(
    "models", "logistic,knn", "Probes: logistic, mlp, knn, gbt."
)
_NUM_TRAIN = flags.DEFINE_integer(
    "num_train", 10_000, "Number of training pairs of the probes.", lower_bound=1
)
_NUM_TEST = flags.DEFINE_integer(
    "num_test", 10_000, "Number of test pairs.", lower_bound=1
)
_MEMBER = flags.DEFINE_integer("member", None, "Which member of a population.")
_SEED = flags.DEFINE_integer(
    *("seed", 0, "Seed for pairs and probes."),
    lower_bound=0,
    upper_bound=start.LARGEST_SEED,
)
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace an earlier result.")


def main(argv):
    del argv
    start.set_up_jax()
    from dis_jax import evaluation

    from . import models

    _, state, config = models.restore(_WORKDIR.value, _MEMBER.value)
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
            **counts,
        )
        readings = evaluation.read_pairs(
            *(*pairs, config.wanted), models=_MODELS.value, seed=_SEED.value
        )
        result = {f"{r.code} {r.attribute} {r.reader}": r.accuracy for r in readings}
        distances = evaluation.distance_to_ideal(readings)
        result |= {f"distance {name}": value for name, value in distances.items()}
        entries[f"readings, {by} statistics"] = {
            "result": result | {"readings": [r._asdict() for r in readings]},
            "settings": {"statistics": by, "models": _MODELS.value, **counts},
            "left_out": evaluation.left_out_attributes(*pairs),
            "seconds": round(time.perf_counter() - began, 2),
        }
    result = evaluation.record(
        entries,
        data=config.dataset,
        seed=_SEED.value,
        source={"step": step, "member": member, "code": None},
    )
    out.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
    print(f"{evaluation.format_table(result)}\nwritten to {out}")


if __name__ == "__main__":
    start.run(main)
