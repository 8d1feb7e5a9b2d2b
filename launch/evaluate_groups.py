r"""Probes each code of a model trained on groups or pairs of images for a label.

  python -m launch.evaluate_groups --workdir=runs/ml_vae
  python -m launch.evaluate_groups --workdir=runs/by_instance --factor=category

The classifier receives the mean of one image, a sample for one image, and, if the
method has a group code, evidence over labelled training images and over the test batch
with its true labels. The public code uses the last. It puts the test labels into the
code, so even an untrained encoder scores high; the result marks it with `leaks_labels`.
Prints the table and writes it to <workdir>/evaluation/ for the report.
"""

import pathlib
import time

import jax
from absl import flags

from dis_jax import evaluation, process, training
from dis_jax.files import write_json
from dis_jax.methods import Gaussian

from . import models, shared_flags, start

_WORKDIR = shared_flags.workdir()
_DATA_DIR = shared_flags.data_dir()
_FACTOR = flags.DEFINE_string(
    "factor", None, "The label to predict; by default the labels that the groups share."
)
_MODEL = flags.DEFINE_enum("model", "mlp", ["mlp", "logistic"], "Classifier.")
_NUM_TRAIN = shared_flags.count("num_train", 10_000, "Number of training images.")
_NUM_TEST = shared_flags.count("num_test", 10_000, "Number of test images.")
_MEMBER = shared_flags.member()
_SEED = shared_flags.seed("images and classifier")
_OVERWRITE = shared_flags.overwrite()


def main(argv):
    del argv
    process.set_up_jax()
    method, state, config, diverged = models.restore(_WORKDIR.value, _MEMBER.value)
    shared = tuple(config.sampler.get("shared", ()))
    if not (factor := _FACTOR.value or next(iter(shared), "")):
        raise ValueError("the groups share no label; name one with --factor=...")
    step, member = int(state.step), _MEMBER.value
    name = f"groups_{factor}_{_MODEL.value}_seed{_SEED.value}_step{step}"
    name += "" if member is None else f"_member{member}"
    folder = pathlib.Path(_WORKDIR.value) / "evaluation"
    out = evaluation.new_file(folder, name, _OVERWRITE.value)
    both = ("train", "test") if config.split == "train" else (config.split,)
    source = _WORKDIR.value, config.dataset, _DATA_DIR.value
    sets = [training.load_data(*source, split) for split in both]
    train, test = (
        (evaluation.encode_codes(method, state, images), labels)
        for images, labels in evaluation.labelled_images(
            sets, factor, (_NUM_TRAIN.value, _NUM_TEST.value), _SEED.value
        )
    )
    entries = {}
    for code, posterior in train[0].items():
        of_test = test[0][code]
        if not (isinstance(posterior, Gaussian) and isinstance(of_test, Gaussian)):
            continue
        for title, options in _protocols(code, config).items():
            began = time.perf_counter()
            found = evaluation.probe(
                jax.random.key(_SEED.value),
                *(posterior, train[1], of_test, test[1]),
                model=_MODEL.value,
                **options,
            )
            entries[f"{factor} from {code}, {title}"] = {
                "result": found._asdict(),
                "settings": options | {"model": _MODEL.value},
                "seconds": round(time.perf_counter() - began, 2),
            }
    result = evaluation.record(
        entries,
        **diverged,
        data=config.dataset,
        splits=list(both),
        num_train=len(train[1]),
        num_test=len(test[1]),
        seed=_SEED.value,
        source={"step": step, "member": member, "code": None},
    )
    print(evaluation.format_table(result))  # first: the folder may be read-only
    write_json(out, result)
    print(f"written to {out}")


def _protocols(code, config):
    found = {
        "mean of one image": {"evidence": "image"},
        "sample for one image": {"evidence": "image", "noise_scale": 1.0},
    }
    if config.method == "ml_vae" and code == "class":
        scale = float(config.hparams.noise_scale)
        found |= {
            title: {"evidence": evidence, "noise_scale": scale}
            for title, evidence in (
                ("evidence of training images", "disjoint"),
                ("evidence of the test batch, by its labels", "batch"),
            )
        }
    return found


if __name__ == "__main__":
    start.run(main)
