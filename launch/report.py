"""Writes the report page of a run.

  python -m launch.report --workdir=runs/a

Writes the self-contained page report.html to the run's folder, or to --out, and its
pictures to figures/. For a population, --member=3 writes report_member3.html and
figures/member3/. Run launch.evaluate first to show scores on the page.
"""

import functools

from absl import flags

from dis_jax import process

from . import models, shared_flags, start

_WORKDIR = shared_flags.workdir()
_DATA_DIR = shared_flags.data_dir()
_MEMBER = shared_flags.member()
_BEST = shared_flags.best()
_OUT = flags.DEFINE_string(
    "out", None, "Folder of the page; by default that of the run."
)
_NUM_EXAMPLES = shared_flags.count(
    "num_examples",
    2048,
    "Number of encoded images for ranges and averages.",
    at_least=5,
)


def main(argv):
    del argv
    process.set_up_jax()
    from dis_jax import figures, training

    models.check_member(_WORKDIR.value, _MEMBER.value)
    method, state, config = training.restore(_WORKDIR.value, best=_BEST.value)
    own = training.members(config)[_MEMBER.value or 0]
    dataset = own.dataset or config.dataset
    load = functools.partial(
        training.load_data, _WORKDIR.value, dataset, _DATA_DIR.value
    )
    image_set, split = load(config.split), config.get("test_split", config.split)
    page = figures.write_report(
        _WORKDIR.value,
        method,
        state,
        config,
        image_set,
        test_set=image_set if split == config.split else load(split),
        member=_MEMBER.value or 0,
        num_examples=_NUM_EXAMPLES.value,
        out=_OUT.value,
    )
    print(f"wrote {page}")


if __name__ == "__main__":
    start.run(main)
