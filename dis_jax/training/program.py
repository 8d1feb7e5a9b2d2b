"""The compiled programs of a run: one makes its state, one makes n steps."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from dis_jax import compiler
from dis_jax.data import ImageSet, Sampler, finished
from dis_jax.methods import Method, Metrics, State
from dis_jax.methods.optimiser import scalars
from dis_jax.training import mesh as meshes
from dis_jax.training.feed import Feed, data_key, open_feed, side_by_side

Tree = TypeVar("Tree")


class Backend(NamedTuple):
    """The fastest settings for a kind of device, measured by `make bench`.

    Attributes:
      steps_per_call: training steps in one dispatch.
      unroll: whether those steps are written out (a convolution inside a loop is 20 times
        slower on a CPU) or looped over (a short program, for accelerators).
      vectorise: whether the members of a population run side by side in one program; on a
        CPU one after another is faster.
    """

    steps_per_call: int
    unroll: bool
    vectorise: bool


BACKENDS = {
    "cpu": Backend(1, True, False),
    "gpu": Backend(100, False, True),
    "tpu": Backend(100, False, True),
}


def backend() -> Backend:
    """The entry of `BACKENDS` for the default device."""
    return BACKENDS.get(jax.default_backend(), BACKENDS["gpu"])


class Member(NamedTuple):
    """The values in which members of a population differ.

    Attributes:
      seed: of everything random.
      hparams: hyperparameters.
      sampler: arguments of the sampler that are inputs of the program, not constants.
      dataset: the name of its data set, or "" for the config's.
    """

    seed: int
    hparams: Mapping[str, float]
    sampler: Mapping[str, Any] = {}
    dataset: str = ""

    @property
    def own(self) -> dict[str, Any]:
        """All values by name."""
        dataset = {"dataset": self.dataset} if self.dataset else {}
        return {"seed": self.seed, **self.hparams, **self.sampler, **dataset}


class Carry(NamedTuple):
    """A state on the devices, and the feed of its next steps."""

    state: State
    feed: Feed


class Program(NamedTuple):
    """The compiled functions of a run, the same for drawn and streamed batches.

    Attributes:
      run: `(carry, n) -> (carry, metrics)`: n steps, metrics with a leading axis of steps
        and, for a population, a second one of members. The carry passed in is donated.
      load: makes a carry from a copy of a state; its next batch is that of its step.
      dump: the state in its portable form: single, or stacked over members.
    """

    run: Callable[[Any, int], tuple[Any, Metrics]]
    load: Callable[[State], Any]
    dump: Callable[[Any], State]


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
      sampler: draws the batches; only their shapes are used.
      image_set: the source of the images.
      members: seed and hyperparameters of each.
      population: whether the state is stacked over members, even over one.

    Returns:
      The state, stacked over the members for a population.
    """
    shapes = batch_shapes(sampler, image_set, population=population)

    # Without hyperparameters: each of their values would need another compiled program.
    @functools.partial(jax.jit, compiler_options=compiler.level())
    def make(key: Any) -> State:
        blank = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
        return method.init(key, blank)._replace(hparams={})

    states = [
        make(jax.random.key(m.seed))._replace(hparams=scalars(m.hparams))
        for m in members
    ]
    return stack(states) if population else states[0]


def batch_shapes(
    sampler: Sampler, image_set: ImageSet, *, population: bool = False
) -> Any:
    """Shapes and types of one model's batch, without drawing one."""
    # `eval_shape` traces the sampler without touching any image.
    args = member(sampler.args, 0) if population else sampler.args
    return jax.eval_shape(
        sampler.sample, image_set, jax.random.key(0), jnp.int32(0), args
    )


def stack(members: Sequence[Tree]) -> Tree:
    """Stacks members: every leaf gets a leading axis.

    Args:
      members: trees of one structure, such as states.

    Returns:
      One tree.
    """
    return _stacked(*members)


def member(tree: Any, index: int) -> Any:
    """One member of a stacked state, or of stacked arguments.

    Args:
      tree: what `stack` returns.
      index: which member.

    Returns:
      The tree of that member.
    """
    return _part(tree, index)


@jax.jit
def copied(tree: Tree) -> Tree:
    """Copies a tree before a program that donates its buffers."""
    return jax.tree.map(jnp.copy, tree)


# One program for a whole tree: one program per leaf shape takes longer to compile.
_stacked = jax.jit(lambda *trees: jax.tree.map(lambda *leaf: jnp.stack(leaf), *trees))
_part = jax.jit(lambda tree, index: jax.tree.map(lambda leaf: leaf[index], tree))


def compile_program(
    method: Method,
    sampler: Sampler,
    image_set: ImageSet,
    mesh: Mesh,
    *,
    population: int | None = None,
    steps_per_call: int = 0,
    unroll: bool | None = None,
    vectorise: bool | None = None,
) -> Program:
    """Joins sampling and update, and compiles n steps of both as one dispatch.

    Args:
      method: the system.
      sampler: draws the batches; its args are stacked over the members of a population.
      image_set: the source of the images.
      mesh: the devices, see `make_mesh`.
      population: the number of members, or None for a single model.
      steps_per_call: steps in one call, which also sets how many batches are read ahead;
        0 for the best number for the backend.
      unroll: see `Backend`, whose value is the default.
      vectorise: see `Backend`, whose value is the default.

    Returns:
      The program.
    """
    best = backend()
    unroll = best.unroll if unroll is None else unroll
    vectorise = best.vectorise if vectorise is None else vectorise
    calls = steps_per_call or best.steps_per_call
    if image_set.read is None:
        image_set = meshes.put(image_set, meshes.replicated(mesh))

    vectorised = population is not None and vectorise
    steps = _compile(method, sampler, mesh, unroll, vectorised=vectorised)
    if population is None:
        return _one(steps, sampler, image_set, mesh, calls)
    own = [sampler._replace(args=member(sampler.args, i)) for i in range(population)]
    if vectorised:
        return _side_by_side(steps, sampler, own, image_set, mesh, calls)
    return _one_after_another(
        [_one(steps, s, image_set, mesh, calls, population) for s in own]
    )


def _compile(
    method: Method, sampler: Sampler, mesh: Mesh, unroll: bool, *, vectorised: bool
) -> Callable[..., tuple[State, Metrics]]:
    step = functools.partial(_step, method, sampler, mesh)
    sharding = meshes.replicated(mesh)
    if vectorised:
        # One image set for all members. `spmd_axis_name` spreads the member axis over
        # the mesh in the sharding constraints inside `step`.
        step = jax.vmap(step, in_axes=(0, None, 0, 0), spmd_axis_name=meshes.POPULATION)
        sharding = meshes.over_population(mesh)

    @functools.partial(
        jax.jit,
        static_argnums=4,  # the program depends on n: loop length or copies
        donate_argnums=0,  # the new state takes the buffers of the old one
        out_shardings=(sharding, meshes.replicated(mesh)),
        compiler_options=compiler.options(method.by_parts),
    )
    def steps(
        state: State, image_set: ImageSet | None, args: Any, batches: Any, n: int
    ) -> tuple[State, Metrics]:
        if not unroll:
            return jax.lax.scan(
                lambda state, batch: step(state, image_set, args, batch),
                state,
                batches,
                length=n,
            )
        made = []
        for i in range(n):
            batch = jax.tree.map(lambda leaf, i=i: leaf[i], batches)
            state, metrics = step(state, image_set, args, batch)
            made.append(metrics)
        return state, jax.tree.map(lambda *m: jnp.stack(m), *made)

    return steps


def _step(
    method: Method,
    sampler: Sampler,
    mesh: Mesh,
    state: State,
    image_set: ImageSet | None,
    args: Any,
    batch: Any,
) -> tuple[State, Metrics]:
    # Batches depend on (key, step) alone, so a resumed run sees the same ones.
    key = data_key(state)
    if image_set is None:
        batch = finished(sampler, batch, key, state.step)
    else:
        batch = sampler.sample(image_set, key, state.step, args)
    # Splits the batch over devices; losses that couple examples still see all of it.
    batch = jax.lax.with_sharding_constraint(batch, meshes.over_data(mesh))
    return method.update(state, batch)


def _placed_copy(tree: Tree, sharding: Any) -> Tree:
    """Copies the tree first, because `run` donates its input buffers."""
    return meshes.put(copied(tree), sharding)


def _runner(
    steps: Callable[..., tuple[State, Metrics]], image_set: ImageSet, args: Any
) -> Callable[[Carry, int], tuple[Carry, Metrics]]:
    """`run` of a program with a single carry."""
    drawn_from = image_set if image_set.read is None else None

    def run(carry: Carry, n: int) -> tuple[Carry, Metrics]:
        state, metrics = steps(carry.state, drawn_from, args, carry.feed(n), n)
        return Carry(state, carry.feed), metrics

    return run


def _one(
    steps: Callable[..., tuple[State, Metrics]],
    sampler: Sampler,
    image_set: ImageSet,
    mesh: Mesh,
    calls: int,
    feeds: int = 1,
) -> Program:
    """The program of a single model, or of one member of a loop over members."""
    sharding = meshes.replicated(mesh)

    def load(state: State) -> Carry:
        feed = open_feed(image_set, sampler, mesh, state, calls=calls, feeds=feeds)
        return Carry(_placed_copy(state, sharding), feed)

    args = meshes.put(sampler.args, sharding)
    return Program(_runner(steps, image_set, args), load, lambda carry: carry.state)


def _side_by_side(
    steps: Callable[..., tuple[State, Metrics]],
    sampler: Sampler,
    own: Sequence[Sampler],
    image_set: ImageSet,
    mesh: Mesh,
    calls: int,
) -> Program:
    """A population as one program; `own` has the sampler of each member."""
    sharding = meshes.over_population(mesh)
    options = {"calls": calls, "feeds": len(own)}

    def load(state: State) -> Carry:
        feeds = [
            open_feed(image_set, s, mesh, member(state, i), **options)
            for i, s in enumerate(own)
        ]
        return Carry(_placed_copy(state, sharding), side_by_side(feeds, mesh))

    args = meshes.put(sampler.args, sharding)
    return Program(_runner(steps, image_set, args), load, lambda carry: carry.state)


def _one_after_another(members: Sequence[Program]) -> Program:
    """A population as a loop over members, for backends where a loop is faster."""

    def run(carries: list[Carry], n: int) -> tuple[list[Carry], Metrics]:
        pairs = zip(members, carries, strict=True)
        results = [program.run(carry, n) for program, carry in pairs]
        # (steps, members), as the vectorised program returns them.
        metrics = jax.tree.map(lambda *m: jnp.stack(m, 1), *[m for _, m in results])
        return [carry for carry, _ in results], metrics

    def load(state: State) -> list[Carry]:
        return [p.load(member(state, i)) for i, p in enumerate(members)]

    def dump(carries: list[Carry]) -> State:
        return stack([carry.state for carry in carries])

    return Program(run, load, dump)
