r"""Gaussian TC (Swain & Mahajan 2022): FactorVAE's penalty in closed form.

  dis-jax train --config=gaussian_tc:rendered_dsprites \
      --workdir=runs/gaussian_tc

Arguments: "moving" uses moving averages of the batch moments, "network" moments that a
small network predicts; "kl" penalises KL(N(m, S) || N(0, I)) instead of TC.
"""

from dis_jax.training import base_config


def get_config(argument="rendered_dsprites"):
    asked = base_config.read(argument, ("moving", "network", "kl"))
    config = base_config.get_config(
        "gaussian_tc", asked, gamma=35.0, decay=0.99, moments_learning_rate=1e-3
    )
    kinds = [word for word in asked.options if word in ("moving", "network")]
    if len(kinds) > 1:
        raise ValueError(f"{' and '.join(kinds)} are two kinds of moments; give one.")
    config.moments = kinds[0] if kinds else "batch"
    config.penalty = "kl" if "kl" in asked.options else "tc"
    config.moments_network = {"widths": (64, 64)}
    if config.dataset.split("+")[0] in ("nar", "rendered_nar"):
        config.hparams.update(gamma=6.4, learning_rate=5e-4)  # as for FactorVAE
    return config
