"""The rows of the tables of docs/results.md: each number, its file, its reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from results_readers import (
    Json,
    decimal,
    exact,
    gain,
    imported,
    line,
    logged,
    mean,
    of_members,
    peers,
    public_code,
    solved,
    step,
    votes,
)


class Row(NamedTuple):
    """One row: a number, its file and its reference."""

    what: str
    score: str
    file: str | tuple[str, ...]  # in results/; files of one setting are merged
    read: Callable[[Json], str]
    reference: str | Callable[[Json], str]  # a published or exact value
    page: str = ""  # the page with the details


# The commands of files that do not contain their command.
COMMANDS = {
    "density_ratio_tc": "python -m benchmarks.check_density_ratio",
    "rendered_dsprites": "python -m benchmarks.compare_dsprites",
}

_SCORE = "FactorVAE score"
_GROUPS = "group_supervision.md"
_VIEWS = "pairs_of_views.md"
_UNEVEN = "uneven_classes.md"
_JOINT = f"{_UNEVEN}#jointvae-mnist-and-dsprites-at-full-length"
_ADA = "ada_gvae_rendered_shapes3d_steps14000_pairs32_rate0.0005"
_CORRELATED = "shift_correlated_rendered_dsprites_small_steps2000"
_SPLITS = "shift_splits_rendered_dsprites_small_steps2000"
_ELASTIC = "elastic_infogan_mnist_narrow_as_coded_prior_learning_rate=0.003_epochs15"
_QUANTISED = "quantised_rendered_shapes3d+resized32_mlp_width128_steps2000_rate0.001"
_ON_MNIST = "sdim_edim_coloured_mnist_half_steps5000"
_ON_NORB = "sdim_edim_smallnorb_half_steps2500"
_VOTES = votes("factor_vae_score", 5000)

# All rows, by the heading of their table.
TABLES: dict[str, list[Row]] = {
    "Scores of models": [
        Row(
            "FactorVAE, gamma 35, rendered dSprites, 20,000 steps",
            _SCORE,
            "factor_vae_rendered_dsprites",
            _VOTES,
            "paper: .82 (300,000 steps)",
        ),
        Row(
            "FactorVAE, gamma 35, rendered dSprites, 300,000 steps",
            _SCORE,
            "factor_vae_rendered_dsprites_steps300000",
            _VOTES,
            "paper: .82 (300,000 steps)",
        ),
        Row(
            "beta-VAE, beta 4, rendered dSprites, 20,000 steps",
            _SCORE,
            "beta_vae_rendered_dsprites",
            _VOTES,
            "paper: .73 (300,000 steps)",
        ),
        Row(
            "beta-VAE, beta 4, rendered dSprites, 300,000 steps",
            _SCORE,
            (
                "beta_vae_rendered_dsprites_steps300000",
                "beta_vae_rendered_dsprites_seeds12_steps300000",
            ),
            of_members,
            "paper: .73 (300,000 steps)",
        ),
        *(
            Row(
                f"{name}, rendered dSprites, {steps:,} steps",
                _SCORE,
                f"{key}_rendered_dsprites_seeds3_steps{steps}",
                of_members,
                f"paper: {published} (300,000 steps)",
            )
            for name, key, steps, published in (
                ("FactorVAE, gamma 35", "factor_vae", 47_200, ".82"),
                ("beta-VAE, beta 4", "beta_vae", 97_000, ".73"),
            )
        ),
        Row(
            "FactorVAE, gamma 35, real dSprites (46,080 images), 5,000 steps",
            _SCORE,
            "factor_vae_dsprites",
            _VOTES,
            "",
        ),
        Row(
            "FactorVAE, gamma 35, rendered Shapes3D, 2,000 steps",
            f"{_SCORE}, 800 votes",
            "factor_vae_rendered_shapes3d",
            votes("factor_vae_score_paper", 800),
            "",
        ),
        Row(
            "FactorVAE, gamma 10, SmallNORB (JPEG copies), 10,000 steps",
            "nats",
            "factor_vae_smallnorb",
            logged("reconstruction", "kl"),
            "",
        ),
        Row(
            "FactorVAE, gamma 10, MNIST, 6,000 steps",
            "nats",
            "factor_vae_mnist",
            logged("reconstruction", "kl"),
            "",
        ),
        Row(
            "FactorVAE, gamma 10, MNIST, dense networks, 10,000 steps",
            "nats",
            "factor_vae_mnist_mlp",
            logged("reconstruction", "kl"),
            "",
            "analogies.md#factorvae-on-mnist",
        ),
        Row(
            "Gaussian TC (batch moments), gamma 10, rendered dSprites, dense, 3,000 steps",
            f"{_SCORE}, 800 votes",
            "gaussian_tc_small_steps3000_gamma10",
            line("Gaussian TC, batch, gamma 10", _SCORE),
            lambda found: (
                f"our FactorVAE: {mean(found, 'FactorVAE, gamma 10', _SCORE)}"
            ),
            "analogies.md#a-gaussian-instead-of-the-discriminator",
        ),
        Row(
            "Ada-GVAE, rendered Shapes3D, 14,000 steps",
            _SCORE,
            _ADA,
            line("Ada-GVAE", _SCORE),
            lambda found: f"our beta-VAE: {mean(found, 'beta-VAE', _SCORE)}",
            f"{_GROUPS}#ada-gvae-groupvae-and-beta-vae",
        ),
        *(
            Row(
                f"{method}, rendered Shapes3D at 32x32, dense networks, 2,000 steps",
                "InfoM",
                _QUANTISED,
                line(method, "InfoM"),
                lambda found: f"our beta-TCVAE: {mean(found, 'beta-TCVAE', 'InfoM')}",
                "quantised.md#results",
            )
            for method in ("QLAE", "Tripod")
        ),
        Row(
            "ML-VAE, MNIST, 400 epochs",
            "class from one image",
            "ml_vae_mnist",
            line("paper, style_beta 8, swap, one image", "class test", "%"),
            public_code,
            f"{_GROUPS}#results-on-mnist",
        ),
        Row(
            "SDIM, coloured MNIST, 5,000 steps",
            "digit from the shared code",
            _ON_MNIST,
            line("SDIM, shared_x digit", "head, running", "%"),
            "paper: 94.5 % (three times the steps)",
            f"{_VIEWS}#results",
        ),
        Row(
            "EDIM, coloured MNIST, 5,000 steps",
            "colour from the exclusive code",
            _ON_MNIST,
            line("EDIM, exclusive_x colour", "head, running", "%"),
            "paper: 99.99 % (twice the steps)",
            f"{_VIEWS}#results",
        ),
        Row(
            "EDIM, SmallNORB (JPEG copies), 2,500 steps",
            "elevation from the exclusive code, batch statistics",
            _ON_NORB,
            line("EDIM, exclusive_x elevation", "head, batch", "%"),
            "Vaona 2024: 74.4 %",
            f"{_VIEWS}#results",
        ),
        Row(
            "SDIM, SmallNORB (JPEG copies), 2,500 steps",
            "category from the shared code, batch statistics",
            _ON_NORB,
            line("SDIM, shared_x category", "head, batch", "%"),
            "Vaona 2024: 93.5 % (one more training instance)",
            f"{_VIEWS}#results",
        ),
        Row(
            "SDIM at full width, SmallNORB (JPEG copies), 5,000 steps",
            "category from the shared code, batch statistics",
            "sdim_edim_smallnorb",
            line("SDIM, shared_x category", "head, batch", "%"),
            "Vaona 2024: 93.5 % (one more training instance)",
            f"{_VIEWS}#results",
        ),
        Row(
            "EDIM at full width, SmallNORB (JPEG copies), 5,000 steps",
            "elevation from the exclusive code, batch statistics",
            "sdim_edim_smallnorb",
            line("EDIM, exclusive_x elevation", "head, batch", "%"),
            "Vaona 2024: 74.4 %",
            f"{_VIEWS}#results",
        ),
        Row(
            "Elastic-InfoGAN, version 1, imbalanced MNIST, 15 epochs",
            "ENT, nats; lower is better",
            _ELASTIC,
            line("Elastic-InfoGAN, version 1", "ENT"),
            lambda found: f"uniform prior: {mean(found, 'Uniform InfoGAN', 'ENT')}",
            f"{_UNEVEN}#results",
        ),
        Row(
            "Elastic-InfoGAN, published, at published width, imbalanced MNIST, 60 epochs",
            "ENT, nats; lower is better",
            "elastic_infogan_mnist_as_coded_epochs60",
            line("Elastic-InfoGAN, published", "ENT"),
            lambda found: (
                f"version 1: {mean(found, 'Elastic-InfoGAN, version 1', 'ENT')}; "
                f"uniform prior: {mean(found, 'Uniform InfoGAN', 'ENT')}"
            ),
            f"{_UNEVEN}#published-width-60-epochs",
        ),
        Row(
            "JointVAE, MNIST, 100 epochs",
            "digit from the category",
            "joint_vae_mnist",
            line("JointVAE", "accuracy", "%"),
            "paper: 88.7 % (one model)",
            _JOINT,
        ),
        Row(
            "JointVAE, rendered dSprites, 300,000 steps",
            _SCORE,
            "joint_vae_rendered_dsprites",
            line("JointVAE", _SCORE),
            "paper: .69 (300,000 steps)",
            _JOINT,
        ),
        Row(
            "Ada-GVAE, rendered Shapes3D to SmallNORB, 5,000 steps of fine-tuning",
            "MLP probe, mean over factors",
            "transfer_shapes3d_two_betas/transfer",
            gain("smallnorb+coloured:test"),
            "",
            "transfer.md#two-betas",
        ),
        Row(
            "Ada-GVAE, rendered dSprites with correlated positions, 2,000 steps",
            "R2 on independent factors",
            _CORRELATED,
            line("ada_gvae, width 0.1, uniform", "R2"),
            lambda found: (
                "without correlation: "
                + decimal(
                    found["lines"]["ada_gvae, independent, uniform"]["R2"]["mean"]
                )
            ),
            "correlated_factors.md",
        ),
        Row(
            "beta-VAE, rendered dSprites, split `extrapolation`, 2,000 steps",
            "R2 of x positions that never occur in training",
            _SPLITS,
            line("beta_vae, extrapolation, unseen value", "pos_x"),
            lambda found: (
                "inside: "
                + decimal(
                    found["lines"]["beta_vae, extrapolation, inside"]["pos_x"]["mean"]
                )
            ),
            "generalisation.md",
        ),
        *(
            Row(
                "FactorVAE, visual analogies, 9,000 steps",
                f"problems solved by {how}",
                "factor_vae_nar_analogies",
                solved(solver),
                "chance: 25 %",
                "analogies.md",
            )
            for solver, how in (
                ("latent_difference", "the mean latent difference"),
                ("genetic", "genetic search"),
            )
        ),
    ],
    "Accuracy and speed": [
        Row(
            "Rendered dSprites compared with 46,080 real images",
            "identical images",
            "rendered_dsprites",
            lambda found: f"**{100 * found['share_exact']:.2f} %**",
            "",
        ),
        Row(
            "TC of a 2-d Gaussian, correlation .8, by a discriminator",
            "nats",
            "density_ratio_tc",
            lambda found: decimal(found["cases"][0]["estimated_nats"]),
            exact(0),
        ),
        Row(
            "TC of a 10-d Gaussian, correlations .5, by a discriminator",
            "nats",
            "density_ratio_tc",
            lambda found: decimal(found["cases"][1]["estimated_nats"]),
            exact(1),
        ),
        *(
            Row(
                f"{method} step, batch size 64, {cores} core{'s' * (cores > 1)}",
                "time",
                "bench_cpu",
                step(f"{key}, cores: {cores}"),
                peers(key, cores),
            )
            for method, key in (
                ("FactorVAE", "factor_vae"),
                ("beta-VAE", "beta_vae"),
            )
            for cores in (1, 2)
        ),
        Row(
            "FactorVAE step, batch size 64, NVIDIA H200",
            "time",
            "bench_gpu",
            lambda found: f"{found['ms_per_step']['dis_jax']:.2f} ms",
            lambda found: (
                f"PyTorch, eager: {found['ms_per_step']['PyTorch, eager']:.1f} ms"
            ),
        ),
        Row(
            "First training step after the command, empty / full compilation cache",
            "time",
            "bench_cpu",
            lambda found: (
                f"{found['start']['cold']:.1f} / {found['start']['warm']:.1f} s"
            ),
            "",
        ),
        Row(
            "`from dis_jax import evaluation`, of which `import jax`",
            "CPU time",
            "imports",
            imported,
            "",
        ),
        Row(
            "Wheel",
            "size",
            "imports",
            lambda found: f"{found['wheel_bytes'] / 1e6:.2f} MB",
            "",
        ),
    ],
}
