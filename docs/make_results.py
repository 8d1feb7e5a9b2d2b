"""Writes the table of docs/results.md from results/*.json.

python docs/make_results.py          writes the table
python docs/make_results.py --check  exits 1 if the table is stale
"""

from __future__ import annotations

import json
import math
import pathlib
import re
import statistics
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "results.md"
BEGIN, END = "<!-- table: docs/make_results.py -->", "<!-- end of the table -->"
Json = dict[str, Any]


class Row(NamedTuple):
    """One number."""

    what: str
    score: str
    file: str | tuple[str, ...]  # in results/; several of one setting are read as one
    read: Callable[[Json], str]
    reference: str | Callable[[Json], str]  # what others report, or what is exact
    page: str = ""  # with the details


def decimal(value: float, digits: int = 3) -> str:
    """`.843`, as papers print scores."""
    return re.sub(r"^(-?)0\.", r"\1.", f"{value:.{digits}f}")


def votes(name: str, count: int) -> Callable[[Json], str]:
    """A share of votes with its 95 % interval (Wilson), and MIG."""

    def read(found: Json) -> str:
        (entry,) = found["evaluation"].values()
        share = entry["metrics"][name]["result"]["score"]
        z = 1.96
        middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
        spread = share * (1 - share) / count + z**2 / (4 * count**2)
        half = z * math.sqrt(spread) / (1 + z**2 / count)
        mig = entry["metrics"]["mig"]["result"]["score"]
        interval = f"[{decimal(middle - half)}, {decimal(middle + half)}]"
        return f"**{decimal(share)}** {interval}; MIG {decimal(mig)}"

    return read


def logged(*fields: str) -> Callable[[Json], str]:
    """The last values of a log, in nats."""

    def read(found: Json) -> str:
        last = found["last_log_line"]
        return ", ".join(f"{name} {last[name]:,.1f}" for name in fields)

    return read


def line(row: str, column: str, unit: str = "") -> Callable[[Json], str]:
    """A mean over seeds in the table of a study."""

    def read(found: Json) -> str:
        cell = found["lines"][row][column]
        show = (lambda x: f"{x:.1f}") if unit == "%" else decimal
        spread = "" if cell["std"] is None else f" ± {show(cell['std'])}"
        seeds = "1 model" if cell["n"] == 1 else f"{cell['n']} models"
        return f"**{show(cell['mean'])}**{spread}{f' {unit}' if unit else ''}, {seeds}"

    return read


def of_members(found: Json) -> str:
    """The mean FactorVAE score of several models, and the mean MIG."""
    scored = [entry["metrics"] for entry in found["evaluation"].values()]
    share, mig = (
        [metrics[name]["result"]["score"] for metrics in scored if name in metrics]
        for name in ("factor_vae_score", "mig")
    )
    spread = decimal(statistics.stdev(share))
    return (
        f"**{decimal(statistics.mean(share))}** ± {spread}, {len(share)} models; "
        f"MIG {decimal(statistics.mean(mig))}"
    )


def gain(target: str) -> Callable[[Json], str]:
    """Accuracy of a probe before and after fine-tuning on another set."""

    def read(found: Json) -> str:
        (table,) = (t for t in found["tables"] if t["target"] == target)
        scores = table["rows"]["MLP, full"]["all"]
        before, after = scores["before"]["mean"], scores["gain"]["mean"]
        return (
            f"**{100 * before:.1f} %**, +{100 * after:.1f} by fine-tuning, "
            f"{table['models']} models"
        )

    return read


def solved(solver: str) -> Callable[[Json], str]:
    """Share of analogies, with its interval."""

    def read(found: Json) -> str:
        result = found["metrics"][solver]["result"]
        return (
            f"**{100 * result['accuracy']:.1f} %** "
            f"[{100 * result['low']:.1f}, {100 * result['high']:.1f}]"
        )

    return read


def step(name: str) -> Callable[[Json], str]:
    """Milliseconds of one step."""
    return lambda found: f"{found['step'][name]['dis_jax_ms']:.0f} ms"


def peers(key: str, cores: int) -> Callable[[Json], str]:
    """The same of PyTorch, in each of its ways that ran."""

    def text(found: Json) -> str:
        ways = {way: f"{key}{row}, cores: {cores}" for way, row in _WAYS.items()}
        rows = {way: found["step"].get(name, {}) for way, name in ways.items()}
        times = [
            f"{way} {row['pytorch_ms']:.0f}"
            for way, row in rows.items()
            if "pytorch_ms" in row
        ]
        return f"PyTorch: {', '.join(times)} ms"

    return text


_WAYS = {
    "eager": "",
    "channels_last": ", PyTorch channels_last",
    "compiled": ", PyTorch compiled",
}


def mean(found: Json, row: str, column: str) -> str:
    """The mean of another line of the same study."""
    return decimal(found["lines"][row][column]["mean"])


def public_code(found: Json) -> str:
    """ML-VAE trained with the objective of the public code."""
    cell = found["lines"]["as coded, N(0, .1^2), one image"]["class test"]
    return f"public code's objective: {cell['mean']:.1f} %"


def exact(case: int) -> Callable[[Json], str]:
    """The total correlation of a Gaussian."""
    return lambda found: f"exact: {decimal(found['cases'][case]['exact_nats'])}"


def imported(found: Json) -> str:
    """CPU seconds of two imports, and the load under which they were measured."""
    seconds = found["cpu_seconds"]
    ours, jax = (seconds[k] for k in ("from dis_jax import evaluation", "import jax"))
    return f"{ours:.2f}, {jax:.2f} s at a load of {found['load']:.0f}"


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
            "R2 of positions x that never occur in training",
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
            "Rendered dSprites against 46,080 real images",
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


def table(rows: list[Row], commands: list[str]) -> list[str]:
    """The lines of one table; appends to the commands those that are new."""
    lines = ["| what | score | ours | reference | command | file |", "|" + "---|" * 6]
    for row in rows:
        files = (row.file,) if isinstance(row.file, str) else row.file
        each = [
            json.loads((ROOT / "results" / f"{file}.json").read_text())
            for file in files
        ]
        found = joined(each) if len(each) > 1 else each[0]
        reference = row.reference(found) if callable(row.reference) else row.reference
        what = f"[{row.what}]({row.page})" if row.page else row.what
        cells = [what, row.score, row.read(found), reference]
        cells.append(", ".join(map(partial(numbered, commands), files, each)))
        cells.append(", ".join(f"[JSON](../results/{file}.json)" for file in files))
        lines.append("| " + " | ".join(cells).replace("|  |", "| |") + " |")
    return lines


def joined(each: list[Json]) -> Json:
    """The scores of the models of several files."""
    scored = [entry for found in each for entry in found["evaluation"].values()]
    return {"evaluation": dict(enumerate(scored))}


def numbered(commands: list[str], file: str, found: Json) -> str:
    """The number of a file's command, which is appended to the commands if it is new."""
    command = found.get("command") or found.get("made_by") or COMMANDS.get(file)
    if not command:
        return "on the page"
    short = re.sub(r" --workdir=\S+", "", command)
    if short not in commands:
        commands.append(short)
    return f"[{commands.index(short) + 1}](#commands)"


# Of files that do not hold their command.
COMMANDS = {
    "density_ratio_tc": "python -m benchmarks.check_density_ratio",
    "rendered_dsprites": "python -m benchmarks.compare_dsprites",
}


def page(before: str) -> str:
    """The page with new tables."""
    lines: list[str] = [BEGIN]
    commands: list[str] = []
    for heading, each in TABLES.items():
        lines += ["", f"## {heading}", "", *table(each, commands)]
    listed = [f"{i}. `{command}`" for i, command in enumerate(commands, 1)]
    lines += ["", "## Commands", "", "Add `--workdir=FOLDER` to those that train.", ""]
    lines += [*listed, "", END]
    start, rest = before.split(BEGIN)
    return start + "\n".join(lines) + rest.split(END)[1]


def main() -> None:
    """Writes or checks the page."""
    before = PAGE.read_text()
    after = page(before)
    if "--check" in sys.argv[1:]:
        if before != after:
            sys.exit("docs/results.md is stale: run `python docs/make_results.py`")
        return
    PAGE.write_text(after)


if __name__ == "__main__":
    main()
