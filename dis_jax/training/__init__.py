"""Trains any method on any data: one loop for one device or many, one model or many."""

from dis_jax import extras

if _lacking := extras.missing("train"):
    raise ModuleNotFoundError(_lacking)

from dis_jax.process import set_up_jax
from dis_jax.training.checkpoints import Checkpoints
from dis_jax.training.config_files import load_config
from dis_jax.training.diverged import diverged, stopped_at
from dis_jax.training.export import export
from dis_jax.training.finite import NonFiniteError
from dis_jax.training.interrupt import Interrupted
from dis_jax.training.log import Log, read_metrics
from dis_jax.training.loop import train
from dis_jax.training.mesh import make_mesh
from dis_jax.training.population import is_population, members
from dis_jax.training.program import (
    Member,
    Program,
    compile_program,
    member,
    stack,
)
from dis_jax.training.restoring import graft, make_method, restore
from dis_jax.training.run_data import load_data
from dis_jax.training.setup import Run, set_up
from dis_jax.training.trackers import to_mlflow, to_wandb
from dis_jax.training.workdir import BusyError, divergence, held, read_config

__all__ = [
    "BusyError",
    "Checkpoints",
    "Interrupted",
    "Log",
    "Member",
    "NonFiniteError",
    "Program",
    "Run",
    "compile_program",
    "diverged",
    "divergence",
    "export",
    "graft",
    "held",
    "is_population",
    "load_config",
    "load_data",
    "make_mesh",
    "make_method",
    "member",
    "members",
    "read_config",
    "read_metrics",
    "restore",
    "set_up",
    "set_up_jax",
    "stack",
    "stopped_at",
    "to_mlflow",
    "to_wandb",
    "train",
]
