r"""SDIM (Sanchez et al. 2020, arXiv 1912.03915): what two views share.

  python -m launch.train --config=configs/sdim.py:mnist --workdir=runs/sdim
  python -m launch.train --config=configs/sdim.py:smallnorb --workdir=runs/toys
  python -m launch.evaluate_pairs --workdir=runs/sdim

mnist: one digit twice, once with a coloured background, once coloured itself; with
"two_images" two images of one digit, as the paper has it.
smallnorb: pairs that share category, instance and azimuth; elevation varies on the left,
lighting on the right. "category" shares the category alone, "coloured" takes coloured
pairs instead. Trains on four instances of the test half and tests on the fifth, in the
studies on another one with each seed; "halves" trains on the training half, whose poses
only the original files have. "augmented" zooms into each training view on its own, up to
1.25 times. "half" halves all widths, "published" keeps the global network whole.
The paper reads 94.5 % of digits and 8.2 % of colours off the shared code of mnist.
"""

from dis_jax.training import pair_config, pair_data


def get_config(argument="mnist"):
    config = pair_config.get_config("sdim", argument, gamma=0.1)
    config.switched = True
    config.heads = pair_data.heads(config, "shared")
    return config
