"""The compiled programs of a run: one that makes its state, one that makes n steps."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array

from dis_jax.data import ImageSet, Sampler
from dis_jax.methods import Method, Metrics, State
from dis_jax.methods.optimiser import scalars
from dis_jax.training import mesh as meshes

# Folded into a state's key to give the key of its data. `update` folds in the step, which
# never gets there.
_DATA_STREAM = 2**31 - 1


Tree = TypeVar("Tree")


class Backend(NamedTuple):
    """What runs fastest on a kind of device; measured by `make bench`.

    Attributes:
      steps_per_call: training steps in one dispatch.
      unroll: whether those steps are written out (a convolution inside a loop is 20 times
        slower on a CPU) or looped over (a short program, for accelerators).
      vectorise: whether the members of a population run side by side in one program; on a
        CPU one after another is faster.
      population_form: the form of convolution for members side by side.
    """

    steps_per_call: int
    unroll: bool
    vectorise: bool
    population_form: str


BACKENDS = {
    "cpu": Backend(1, True, False, "pair"),
    "gpu": Backend(100, False, True, "matmul"),
    "tpu": Backend(100, False, True, "matmul"),
}


def backend() -> Backend:
    """The entry of `BACKENDS` for the default device."""
    return BACKENDS.get(jax.default_backend(), BACKENDS["gpu"])


class Member(NamedTuple):
    """What tells the members of a population apart."""

    seed: int
    hparams: Mapping[str, float]


class Program(NamedTuple):
    """A run's compiled functions.

    Attributes:
      run: `(state, n) -> (state, metrics)`: n steps, metrics with a leading axis of steps
        and, for a population, a second one of members. The state passed in is used up.
      load: puts a state from anywhere onto the devices as `run` wants it.
      dump: the state in its portable form: single, or stacked over members.
    """

    run: Callable[[Any, int], tuple[Any, Metrics]]
    load: Callable[[State], Any]
    dump: Callable[[Any], State]


def data_key(state: State) -> Array:
    """The constant key from which all batches of a run are drawn."""
    return jax.random.fold_in(state.key, _DATA_STREAM)


def init(
    method: Method,
    sampler: Sampler,
    image_set: ImageSet,
    members: Sequence[Member],
    *,
    population: bool,
) -> State:
    """The state before the first step; parameters depend on the seed and nothing else.

    Args:
      method: the system.
      sampler: what batches are drawn by; only their shapes are used.
      image_set: what they are drawn from.
      members: seed and hyperparameters of each.
      population: whether the state is stacked over members, even over one.

    Returns:
      The state, stacked over the members if it is that of a population.
    """
    shapes = batch_shapes(sampler, image_set)
    blank = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
    make = jax.jit(method.init)
    states = [
        make(jax.random.key(m.seed), blank)._replace(hparams=scalars(m.hparams))
        for m in members
    ]
    return stack(states) if population else states[0]


def batch_shapes(sampler: Sampler, image_set: ImageSet) -> Any:
    """Shapes and types of a batch, without drawing one."""
    return jax.eval_shape(
        sampler.sample, image_set, jax.random.key(0), jnp.int32(0), sampler.args
    )


def stack(members: Sequence[Tree]) -> Tree:
    """Members side by side: every leaf gets a leading axis.

    Args:
      members: trees of one structure, such as states.

    Returns:
      One tree.
    """
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)


def member(tree: Any, index: int) -> Any:
    """One member of a stacked state, or of stacked arguments.

    Args:
      tree: what `stack` returns.
      index: which member.

    Returns:
      The tree of that member.
    """
    return jax.tree.map(lambda leaf: leaf[index], tree)


def compile_program(
    method: Method,
    sampler: Sampler,
    image_set: ImageSet,
    mesh: Mesh,
    *,
    population: int | None = None,
    unroll: bool | None = None,
    vectorise: bool | None = None,
) -> Program:
    """Puts sampling and update together and compiles n steps of both as one dispatch.

    Args:
      method: the system.
      sampler: what batches are drawn by; its args are stacked over the members of a
        population.
      image_set: what they are drawn from.
      mesh: the devices, see `make_mesh`.
      population: the number of members, or None for a single model.
      unroll: by default what is best for the backend.
      vectorise: by default what is best for the backend.

    Returns:
      The program.
    """
    best = backend()
    unroll = best.unroll if unroll is None else unroll
    vectorise = best.vectorise if vectorise is None else vectorise
    image_set = jax.device_put(image_set, meshes.replicated(mesh))

    steps = _compile(
        method, sampler, mesh, unroll, vectorised=population is not None and vectorise
    )
    if population is not None and not vectorise:
        return _one_after_another(steps, sampler.args, image_set, mesh, population)
    place = meshes.replicated if population is None else meshes.over_population
    args = jax.device_put(sampler.args, place(mesh))
    return Program(
        run=lambda state, n: steps(state, image_set, args, n),
        load=lambda state: _placed_copy(state, place(mesh)),
        dump=lambda state: state,
    )


def _compile(
    method: Method, sampler: Sampler, mesh: Mesh, unroll: bool, *, vectorised: bool
) -> Callable[..., tuple[State, Metrics]]:
    step = functools.partial(_step, method, sampler.sample, mesh)
    sharding = meshes.replicated(mesh)
    if vectorised:
        step = jax.vmap(step, in_axes=(0, None, 0), spmd_axis_name=meshes.POPULATION)
        sharding = meshes.over_population(mesh)

    @functools.partial(
        jax.jit,
        static_argnums=3,
        donate_argnums=0,
        out_shardings=(sharding, meshes.replicated(mesh)),
    )
    def steps(
        state: State, image_set: ImageSet, args: Any, n: int
    ) -> tuple[State, Metrics]:
        if not unroll:
            return jax.lax.scan(
                lambda state, _: step(state, image_set, args), state, length=n
            )
        made = []
        for _ in range(n):
            state, metrics = step(state, image_set, args)
            made.append(metrics)
        return state, jax.tree.map(lambda *m: jnp.stack(m), *made)

    return steps


def _step(
    method: Method,
    sample: Callable[..., Any],
    mesh: Mesh,
    state: State,
    image_set: ImageSet,
    args: Any,
) -> tuple[State, Metrics]:
    batch = sample(image_set, data_key(state), state.step, args)
    batch = jax.lax.with_sharding_constraint(batch, meshes.over_data(mesh))
    return method.update(state, batch)


def _placed_copy(tree: Tree, sharding: Any) -> Tree:
    """Copies, because `run` uses up the buffers that it is given."""
    return jax.device_put(jax.tree.map(jnp.copy, tree), sharding)


def _one_after_another(
    steps: Callable[..., tuple[State, Metrics]],
    args: Any,
    image_set: ImageSet,
    mesh: Mesh,
    population: int,
) -> Program:
    """The same contract as a vectorised population, for backends where a loop wins."""
    sharding = meshes.replicated(mesh)
    own_args = [jax.device_put(member(args, i), sharding) for i in range(population)]

    def run(states: list[State], n: int) -> tuple[list[State], Metrics]:
        results = [
            steps(state, image_set, a, n)
            for state, a in zip(states, own_args, strict=True)
        ]
        metrics = jax.tree.map(lambda *m: jnp.stack(m, 1), *[m for _, m in results])
        return [state for state, _ in results], metrics

    def load(state: State) -> list[State]:
        members = [member(state, i) for i in range(population)]
        return _placed_copy(members, sharding)

    return Program(run, load, stack)
