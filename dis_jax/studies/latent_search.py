"""Searches for the latent step of a visual analogy: genetic, CMA-ES, random, gradient.

A search is a start and a generation, pure functions of one problem; `solve_analogies`
runs many at once. Generations are separate calls, because a convolution within `lax.scan`
is many times slower on a CPU.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from dis_jax.suggest import suggest

Fitness = Callable[[Float[Array, "population latent"]], Float[Array, " population"]]


class Search(NamedTuple):
    """Settings of the searches.

    Attributes:
      population: number of steps in a generation.
      generations: number of generations.
      std: of the initial steps, N(0, std²) in each dimension.
      tournament: number of candidates for each parent.
      mutation_std: of the noise that is added to each child.
      elite: number of best steps that are kept unchanged.
      examples: number of examples that are used, from the first.
      learning_rate: of Adam, which takes `generations` steps from 0.
    """

    population: int = 64
    generations: int = 100
    std: float = 0.5
    tournament: int = 3
    mutation_std: float = 0.2
    elite: int = 1
    examples: int = 6
    learning_rate: float = 0.1


class Features(NamedTuple):
    """What the fitness compares: features of decoded codes with features of images.

    Attributes:
      of_codes: codes (batch, latent) -> features of the images that they decode to.
      of_images: images (batch, height, width, channels) -> their features.
    """

    of_codes: Callable[[Array], Float[Array, "batch feature"]]
    of_images: Callable[[Array], Float[Array, "batch feature"]]


class Task(NamedTuple):
    """A problem as codes and features.

    Attributes:
      inputs: codes of the examples' inputs.
      output_codes: codes of their outputs.
      outputs: features of the outputs.
      query: code of the query.
      options: features of the answers to choose from.
      solution: the code of the right one; only the solver `reconstruction` uses it.
    """

    inputs: Float[Array, "example latent"]
    output_codes: Float[Array, "example latent"]
    outputs: Float[Array, "example feature"]
    query: Float[Array, " latent"]
    options: Float[Array, "option feature"]
    solution: Float[Array, " latent"]


class Solver(NamedTuple):
    """How a step is found.

    Attributes:
      start: (fitness, task, key, search) -> memory, the state of the search.
      generation: (fitness, memory, key, search) -> memory; None without a search.
      best: memory -> the step.
      fitness: of steps, given `Features`, a task and the settings.
    """

    start: Callable[..., Any]
    generation: Callable[..., Any] | None
    best: Callable[[Any], Array]
    fitness: Callable[[Features, Task, Search], Fitness]


def examples_fitness(features: Features, task: Task, search: Search) -> Fitness:
    """-Σ_e ||f(z_e + delta) - f(output_e)||²."""
    codes, outputs = task.inputs[: search.examples], task.outputs[: search.examples]

    def fitness(deltas: Array) -> Array:
        moved = (codes[:, None] + deltas).reshape(-1, deltas.shape[-1])
        found = features.of_codes(moved).reshape(len(codes), len(deltas), -1)
        return -((found - outputs[:, None]) ** 2).sum((0, 2))

    return fitness


def options_fitness(features: Features, task: Task, search: Search) -> Fitness:
    """-min_o ||f(z_q + delta) - f(option_o)||²: the examples are not used."""
    del search

    def fitness(deltas: Array) -> Array:
        found = features.of_codes(task.query + deltas)
        return -((found[:, None] - task.options) ** 2).sum(2).min(1)

    return fitness


def _first_population(
    fitness: Fitness, task: Task, key: Array, search: Search
) -> tuple[Array, Array]:
    shape = search.population, len(task.query)
    steps = search.std * jax.random.normal(key, shape)
    return steps, fitness(steps)


def _fittest(population: tuple[Array, Array]) -> Array:
    steps, fit = population
    return steps[fit.argmax()]


def _breed(
    fitness: Fitness, population: tuple[Array, Array], key: Array, search: Search
) -> tuple[Array, Array]:
    """Tournaments, uniform crossover, Gaussian mutation, elitism."""
    steps, fit = population
    pick, cross, mutate = jax.random.split(key, 3)
    # (tournament, parent, child): the fittest candidate of each tournament wins.
    rivals = jax.random.randint(pick, (search.tournament, 2, len(steps)), 0, len(steps))
    winners = jnp.take_along_axis(rivals, fit[rivals].argmax(0)[None], 0)[0]
    first, second = steps[winners]
    mixed = jax.random.bernoulli(cross, 0.5, steps.shape)
    children = jnp.where(mixed, first, second)
    children += search.mutation_std * jax.random.normal(mutate, steps.shape)
    # Elitism: the first children are replaced by the best steps so far.
    best = jax.lax.top_k(fit, search.elite)[1]
    children = children.at[: search.elite].set(steps[best])
    return children, fitness(children)


def _draw_again(
    fitness: Fitness, best: tuple[Array, Array], key: Array, search: Search
) -> tuple[Array, Array]:
    """Random search: draws new steps and keeps only the best so far."""
    steps, fit = best
    drawn = search.std * jax.random.normal(key, (search.population, steps.shape[-1]))
    found = jnp.concatenate([steps, drawn]), jnp.concatenate([fit, fitness(drawn)])
    index = found[1].argmax()[None]
    return found[0][index], found[1][index]


def _start_random(
    fitness: Fitness, task: Task, key: Array, search: Search
) -> tuple[Array, Array]:
    nothing = jnp.zeros((1, len(task.query))), jnp.full(1, -jnp.inf)
    return _draw_again(fitness, nothing, key, search)


def _start_descent(fitness: Fitness, task: Task, key: Array, search: Search) -> Any:
    step = jnp.zeros(len(task.query))
    adam = optax.adam(search.learning_rate)
    return _descend(fitness, (step, adam.init(step)), key, search)


def _descend(fitness: Fitness, memory: Any, key: Array, search: Search) -> Any:
    """A step of Adam through the decoder."""
    del key
    step, state = memory
    gradient = jax.grad(lambda s: -fitness(s[None])[0])(step)
    update, state = optax.adam(search.learning_rate).update(gradient, state)
    return optax.apply_updates(step, update), state


def _cma_es(search: Search, latent: int) -> tuple[Any, Any]:
    from evosax.algorithms import (  # pyright: ignore[reportMissingImports]
        CMA_ES,
    )

    strategy = CMA_ES(population_size=search.population, solution=jnp.zeros(latent))
    return strategy, strategy.default_params.replace(std_init=search.std)


def _start_cma_es(fitness: Fitness, task: Task, key: Array, search: Search) -> Any:
    strategy, params = _cma_es(search, len(task.query))
    first, later = jax.random.split(key)
    memory = strategy.init(first, jnp.zeros(len(task.query)), params)
    return _adapt(fitness, memory, later, search)


def _adapt(fitness: Fitness, memory: Any, key: Array, search: Search) -> Any:
    """A generation of CMA-ES, which minimises."""
    strategy, params = _cma_es(search, memory.mean.shape[-1])
    ask, tell = jax.random.split(key)
    steps, memory = strategy.ask(ask, memory, params)
    return strategy.tell(tell, steps, -fitness(steps), memory, params)[0]


def _mean_difference(task: Task, search: Search) -> Float[Array, " latent"]:
    used = slice(search.examples)
    return (task.output_codes[used] - task.inputs[used]).mean(axis=0)


def _without_search(step: Callable[[Task, Search], Array]) -> Solver:
    start = lambda fitness, task, key, search: step(task, search)
    return Solver(start, None, lambda memory: memory, examples_fitness)


_GENETIC = Solver(_first_population, _breed, _fittest, examples_fitness)
SOLVERS: dict[str, Solver] = {
    "genetic": _GENETIC,
    "genetic_options": _GENETIC._replace(fitness=options_fitness),
    "cma_es": Solver(
        _start_cma_es, _adapt, lambda memory: memory.best_solution, examples_fitness
    ),
    "random": Solver(_start_random, _draw_again, _fittest, examples_fitness),
    "gradient": Solver(
        _start_descent, _descend, lambda memory: memory[0], examples_fitness
    ),
    "latent_difference": _without_search(_mean_difference),
    "no_step": _without_search(lambda task, search: jnp.zeros_like(task.query)),
    "reconstruction": _without_search(lambda task, search: task.solution - task.query),
}
WITHOUT_SEARCH = tuple(n for n, solver in SOLVERS.items() if solver.generation is None)


def check_search(solver: str, search: Search, num_examples: int) -> None:
    """Refuses an unknown solver, and settings out of range."""
    if solver not in SOLVERS:
        raise ValueError(f"solver is {solver!r}; {suggest(solver, SOLVERS)}")
    for name, least, most in (
        ("population", 2, math.inf),
        ("generations", 1, math.inf),
        ("tournament", 1, math.inf),
        ("elite", 1, search.population),
        ("examples", 1, num_examples),
    ):
        found = getattr(search, name)
        if not least <= found <= most:
            raise ValueError(f"{name} is {found}; expected {least} to {most}.")
