"""Functions that format values of a file in results/ for docs/results.md."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]


def decimal(value: float, digits: int = 3) -> str:
    """Formats a score as papers print it: `.843`."""
    return re.sub(r"^(-?)0\.", r"\1.", f"{value:.{digits}f}")


def votes(name: str, count: int) -> Callable[[Json], str]:
    """Formats a share of votes with its 95 % interval (Wilson), and MIG."""

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
    """Formats the last values of a log, in nats."""

    def read(found: Json) -> str:
        last = found["last_log_line"]
        return ", ".join(f"{name} {last[name]:,.1f}" for name in fields)

    return read


def line(row: str, column: str, unit: str = "") -> Callable[[Json], str]:
    """Formats a mean over seeds in the table of a study."""

    def read(found: Json) -> str:
        cell = found["lines"][row][column]
        show = (lambda x: f"{x:.1f}") if unit == "%" else decimal
        spread = "" if cell["std"] is None else f" ± {show(cell['std'])}"
        seeds = "1 model" if cell["n"] == 1 else f"{cell['n']} models"
        return f"**{show(cell['mean'])}**{spread}{f' {unit}' if unit else ''}, {seeds}"

    return read


def of_members(found: Json) -> str:
    """Formats the mean FactorVAE score of several models, and their mean MIG."""
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
    """Formats the MLP probe's accuracy before fine-tuning on a target, and its gain."""

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
    """Formats the share of solved analogies, with its interval."""

    def read(found: Json) -> str:
        result = found["metrics"][solver]["result"]
        return (
            f"**{100 * result['accuracy']:.1f} %** "
            f"[{100 * result['low']:.1f}, {100 * result['high']:.1f}]"
        )

    return read


def step(name: str) -> Callable[[Json], str]:
    """Formats the milliseconds of one step."""
    return lambda found: f"{found['step'][name]['dis_jax_ms']:.0f} ms"


def peers(key: str, cores: int) -> Callable[[Json], str]:
    """Formats PyTorch's milliseconds of the same step, for each mode that was measured."""

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
    """Formats the mean of another line of the same study."""
    return decimal(found["lines"][row][column]["mean"])


def public_code(found: Json) -> str:
    """Formats the accuracy of the ML-VAE with the objective of the public code."""
    cell = found["lines"]["as coded, N(0, .1^2), one image"]["class test"]
    return f"public code's objective: {cell['mean']:.1f} %"


def exact(case: int) -> Callable[[Json], str]:
    """Formats the exact total correlation of a Gaussian."""
    return lambda found: f"exact: {decimal(found['cases'][case]['exact_nats'])}"


def imported(found: Json) -> str:
    """Formats CPU seconds of two imports, and the load at which they were measured."""
    seconds = found["cpu_seconds"]
    ours, jax = (seconds[k] for k in ("from dis_jax import evaluation", "import jax"))
    return f"{ours:.2f}, {jax:.2f} s at a load of {found['load']:.0f}"
