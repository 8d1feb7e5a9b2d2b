"""Flags that several launch scripts share, with the same meaning in each."""

import math

from absl import flags

# `launch.x --help` lists them under the script that calls these functions.
flags.disclaim_key_flags()

LARGEST_SEED = 2**32 - 1  # JAX truncates larger seeds


def workdir(says: str = "Folder of the run.") -> flags.FlagHolder:
    return flags.DEFINE_string("workdir", None, says, required=True)


def data_dir() -> flags.FlagHolder:
    says = "Folder of real data sets; by default $DIS_JAX_DATA_DIR."
    return flags.DEFINE_string("data_dir", None, says)


def member(says: str = "Which member of a population.") -> flags.FlagHolder:
    return flags.DEFINE_integer("member", None, says)


def best() -> flags.FlagHolder:
    says = (
        "Use the checkpoint with the lowest best_metric instead of the last; for a "
        "population, the lowest mean over its members."
    )
    return flags.DEFINE_bool("best", False, says)


def count(name: str, default: int, says: str, at_least: int = 1) -> flags.FlagHolder:
    """Defines an integer flag with a lower bound."""
    return flags.DEFINE_integer(name, default, says, lower_bound=at_least)


def number(name: str, default: float, says: str) -> flags.FlagHolder:
    """Defines a float flag, at least 0. A validator rejects NaN, which passes bounds."""
    holder = flags.DEFINE_float(name, default, says, lower_bound=0)
    flags.register_validator(name, lambda x: not math.isnan(x), "expected a number")
    return holder


def seed(of: str) -> flags.FlagHolder:
    return flags.DEFINE_integer(
        *("seed", 0, f"Seed for {of}."), lower_bound=0, upper_bound=LARGEST_SEED
    )


def overwrite() -> flags.FlagHolder:
    return flags.DEFINE_bool("overwrite", False, "Replace an earlier result.")
