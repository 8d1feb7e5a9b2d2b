"""Writes a page that compares models: scores, curves, traversals, settings.

  python -m launch.compare runs/a runs/b --out=compare.html
  python -m launch.compare runs/population        # all its members
  python -m launch.compare runs/study             # its table, and a model of each row

The page is a single file. Run launch.evaluate first to show scores on it, with
--resamples=200 for their intervals.
"""

from absl import flags

from dis_jax import process

from . import shared_flags, start

_OUT = flags.DEFINE_string("out", "compare.html", "Output HTML file.")
_DATA_DIR = shared_flags.data_dir()
_BEST = flags.DEFINE_bool("best", False, "Use the best checkpoints, not the last.")
_NUM_EXAMPLES = shared_flags.count(
    "num_examples", 512, "Number of encoded images for ranges.", at_least=5
)


def main(argv):
    folders = argv[1:]
    if not folders:
        raise ValueError("name the folders of runs, populations or studies.")
    process.set_up_jax()
    from dis_jax import figures
    from dis_jax.figures.compare_scores import missing_scores

    compared = figures.read_comparison(
        folders,
        data_dir=_DATA_DIR.value,
        best=_BEST.value,
        num_examples=_NUM_EXAMPLES.value,
    )
    for command in missing_scores(compared):
        print(f"no scores yet; run {command}")
    for name, why in compared.skipped.items():
        print(f"skipped {name}: {why}")
    print(f"wrote {figures.write_comparison(compared, _OUT.value)}")


if __name__ == "__main__":
    start.run(main, positional=True)
