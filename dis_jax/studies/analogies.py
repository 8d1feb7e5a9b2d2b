"""Visual analogies solved by a step in latent space: searches, controls, accuracy.

A step `delta` represents the program: the code of an input plus delta should decode to the
output. The answer is the option nearest to the decoded query, in squared error.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int, Key

from dis_jax.data import ImageSet, NarProblems
from dis_jax.suggest import suggest

Decode = Callable[
    [Float[Array, "batch latent"]], Float[Array, "batch height width channels"]
]
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


class Task(NamedTuple):
    """A problem as codes and images.

    Attributes:
      inputs: codes of the examples' inputs.
      output_codes: codes of their outputs.
      outputs: the outputs.
      query: code of the query.
      options: the answers to choose from.
      solution: the code of the right one; only the solver `reconstruction` uses it.
    """

    inputs: Float[Array, "example latent"]
    output_codes: Float[Array, "example latent"]
    outputs: Float[Array, "example height width channels"]
    query: Float[Array, " latent"]
    options: Float[Array, "option height width channels"]
    solution: Float[Array, " latent"]


class Answers(NamedTuple):
    """The answers of a solver.

    Attributes:
      choice: the option that it chooses.
      correct: whether that is right.
      delta: its step.
      found: the decoded query after the step.
    """

    choice: Int[np.ndarray, " problem"]
    correct: Bool[np.ndarray, " problem"]
    delta: Float[np.ndarray, "problem latent"]
    found: Float[np.ndarray, "problem height width channels"]


def _examples_fitness(decode: Decode, task: Task, search: Search) -> Fitness:
    """-Σ_e ||decode(z_e + delta) - output_e||²."""

    def fitness(deltas: Array) -> Array:
        total = jnp.zeros(len(deltas))
        for code, output in zip(
            task.inputs[: search.examples], task.outputs[: search.examples], strict=True
        ):
            total -= _squared(decode(code + deltas), output)
        return total

    return fitness


def _options_fitness(decode: Decode, task: Task, search: Search) -> Fitness:
    """-min_o ||decode(z_q + delta) - option_o||²: the examples are not used."""
    del search

    def fitness(deltas: Array) -> Array:
        decoded = decode(task.query + deltas)
        return -jnp.stack([_squared(decoded, o) for o in task.options]).min(0)

    return fitness


def _genetic(make: Callable[..., Fitness]) -> Callable[..., Array]:
    """Tournaments, uniform crossover, Gaussian mutation, elitism."""

    def solve(decode: Decode, task: Task, key: Array, search: Search) -> Array:
        fitness = make(decode, task, search)
        size, latent = search.population, len(task.query)

        def generation(carry: tuple[Array, Array], key: Array) -> tuple[Any, None]:
            steps, fit = carry
            pick, cross, mutate = jax.random.split(key, 3)
            # (tournament, parent, child): the fittest candidate of each tournament
            # wins.
            rivals = jax.random.randint(pick, (search.tournament, 2, size), 0, size)
            winners = jnp.take_along_axis(rivals, fit[rivals].argmax(0)[None], 0)[0]
            first, second = steps[winners]
            mixed = jax.random.bernoulli(cross, 0.5, (size, latent))
            children = jnp.where(mixed, first, second)
            noise = jax.random.normal(mutate, (size, latent))
            children += search.mutation_std * noise
            # Elitism: the first children are replaced by the best steps so far.
            best = jax.lax.top_k(fit, search.elite)[1]
            children = children.at[: search.elite].set(steps[best])
            return (children, fitness(children)), None

        first_key, later_key = jax.random.split(key)
        steps = search.std * jax.random.normal(first_key, (size, latent))
        # The initial steps are the first generation.
        keys = jax.random.split(later_key, search.generations - 1)
        (steps, fit), _ = jax.lax.scan(generation, (steps, fitness(steps)), keys)
        return steps[fit.argmax()]

    return solve


def _random(decode: Decode, task: Task, key: Array, search: Search) -> Array:
    """The best of as many random steps as the genetic search evaluates."""
    fitness = _examples_fitness(decode, task, search)
    latent = len(task.query)

    def draw(best: tuple[Array, Array], key: Array) -> tuple[Any, None]:
        steps = search.std * jax.random.normal(key, (search.population, latent))
        fit = fitness(steps)
        better = fit.max() > best[1]
        found = jnp.where(better, steps[fit.argmax()], best[0])
        return (found, jnp.maximum(fit.max(), best[1])), None

    start = jnp.zeros(latent), jnp.asarray(-jnp.inf)
    (step, _), _ = jax.lax.scan(draw, start, jax.random.split(key, search.generations))
    return step


def _gradient(decode: Decode, task: Task, key: Array, search: Search) -> Array:
    """Adam through the decoder, from 0."""
    del key
    fitness = _examples_fitness(decode, task, search)
    adam = optax.adam(search.learning_rate)

    def descend(carry: tuple[Array, Any], _: None) -> tuple[Any, None]:
        step, state = carry
        grad = jax.grad(lambda s: -fitness(s[None])[0])(step)
        update, state = adam.update(grad, state)
        return (optax.apply_updates(step, update), state), None

    start = jnp.zeros(len(task.query))
    (step, _), _ = jax.lax.scan(
        descend, (start, adam.init(start)), None, search.generations
    )
    return step


def _latent_difference(decode: Decode, task: Task, key: Array, search: Search) -> Array:
    """The mean difference of the examples' codes; no search."""
    del decode, key, search
    return (task.output_codes - task.inputs).mean(axis=0)


def _no_step(decode: Decode, task: Task, key: Array, search: Search) -> Array:
    """Step 0: the option that is nearest to the decoded query itself."""
    del decode, key, search
    return jnp.zeros_like(task.query)


def _reconstruction(decode: Decode, task: Task, key: Array, search: Search) -> Array:
    """The step to the code of the solution: an upper bound set by the decoder."""
    del decode, key, search
    return task.solution - task.query


SOLVERS: dict[str, Callable[..., Array]] = {
    "genetic": _genetic(_examples_fitness),
    "genetic_options": _genetic(_options_fitness),
    "random": _random,
    "gradient": _gradient,
    "latent_difference": _latent_difference,
    "no_step": _no_step,
    "reconstruction": _reconstruction,
}


def solve_analogies(
    encode: Callable[[Array], Array],
    decode: Decode,
    image_set: ImageSet,
    problems: NarProblems,
    key: Key[Array, ""],
    solver: str = "genetic",
    *,
    search: Search | None = None,
    chunk: int = 8,
) -> Answers:
    """Answers visual analogies by a step in latent space, many problems in one program.

    `delta = argmin Σ_e ||decode(z_e + delta) - output_e||²` over the examples e, and the
    answer is `argmin_o ||decode(z_q + delta) - option_o||²`.

    Eq.: Swain & Mahajan 2022, Section 3.2

    Args:
      encode: images -> codes (batch, latent).
      decode: codes (batch, latent) -> images in [0, 1]; is compiled into the search.
      image_set: draws the boards of the problems.
      problems: as `data.nar_problems` gives them.
      key: of the search.
      solver: "genetic"; "genetic_options", the source's fitness, which looks at the
        query's options in place of the examples; "random" search with as many
        evaluations; "gradient" descent through the decoder; "latent_difference", the
        mean difference of the examples' codes; "no_step", the option nearest to the
        query; "reconstruction", which receives the solution's code and so bounds the
        others.
      search: settings of the searches.
      chunk: problems that are searched at once; more take more memory.

    Returns:
      The answers.

    Raises:
      ValueError: if there is no such solver, or a setting is too small.

    Example:
      >>> from dis_jax import data, studies
      >>> boards = data.rendered_nar()
      >>> pixels = lambda images: images.reshape(len(images), -1)
      >>> answers = studies.solve_analogies(
      ...     pixels, lambda z: z.reshape(-1, 64, 64, 1), boards,
      ...     data.nar_problems(jax.random.key(0), 4), jax.random.key(1),
      ...     "reconstruction")
      >>> answers.correct.tolist()
      [True, True, True, True]
    """
    search = search or Search()
    if solver not in SOLVERS:
        raise ValueError(f"solver is {solver!r}; {suggest(solver, SOLVERS)}")
    _check(search, problems.inputs.shape[1])
    count = len(problems.query)
    program = jax.jit(functools.partial(_answer_all, encode, decode, solver, search))
    parts = []
    keys = jax.random.split(key, count)
    # The last chunk is filled up with repeats, so that all run the same program.
    for start in range(0, count, chunk):
        index = np.minimum(np.arange(start, start + chunk), count - 1)
        piece = jax.tree.map(lambda a, i=index: a[i], problems)
        made = jax.tree.map(np.asarray, program(image_set, piece, keys[index]))
        parts.append(jax.tree.map(lambda a, n=count - start: a[:n], made))
    return jax.tree.map(lambda *a: np.concatenate(a), *parts)


def accuracy_interval(
    correct: Bool[Any, " problem"], *, z: float = 1.96
) -> dict[str, Any]:
    """Share of right answers, with Wilson's interval.

    `(p + z²/2n ± z √(p (1 - p)/n + z²/4n²)) / (1 + z²/n)`.

    Eq.: Wilson 1927, the score interval

    Args:
      correct: whether each answer is right; at least one.
      z: quantile of the normal; 1.96 gives 95 %.

    Returns:
      `accuracy`, `interval` (low, high) and `num`.

    Example:
      >>> from dis_jax import studies
      >>> low, high = studies.accuracy_interval(np.ones(1000, bool))["interval"]
      >>> round(low, 3), round(high, 3)
      (0.996, 1.0)
    """
    n, p = len(correct), float(np.mean(correct))
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((centre + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    return {"accuracy": p, "interval": [max(low, 0.0), min(high, 1.0)], "num": n}


def accuracy_by_length(problems: NarProblems, answers: Answers) -> dict[str, Any]:
    """Accuracy over all problems, and for each length of the program.

    Args:
      problems: the problems.
      answers: a solver's.

    Returns:
      `accuracy`, `low` and `high` (Wilson's interval, 95 %), `num`; and the accuracy and
      interval for each length, `by_length`.

    Example:
      >>> from dis_jax import data, studies
      >>> problems = data.nar_problems(jax.random.key(0), 50)
      >>> right = studies.Answers(None, np.ones(50, bool), None, None)
      >>> studies.accuracy_by_length(problems, right)["by_length"]["1"]["accuracy"]
      1.0
    """
    lengths = np.asarray(problems.length)
    whole = accuracy_interval(answers.correct)
    low, high = whole.pop("interval")
    by_length = {
        str(length): accuracy_interval(answers.correct[lengths == length])
        for length in np.unique(lengths)
    }
    return {**whole, "low": low, "high": high, "by_length": by_length}


def _answer_all(
    encode: Callable[[Array], Array],
    decode: Decode,
    solver: str,
    search: Search,
    image_set: ImageSet,
    problems: NarProblems,
    keys: Key[Array, " problem"],
) -> Answers:
    count, _, factors = problems.inputs.shape

    def draw(rows: Array) -> tuple[Array, Array]:
        images = image_set.images(rows.reshape(-1, factors))
        codes = encode(images)
        shape = rows.shape[:-1]
        return images.reshape(*shape, *images.shape[1:]), codes.reshape(*shape, -1)

    outputs, output_codes = draw(problems.outputs)
    options, option_codes = draw(problems.options)
    _, inputs = draw(problems.inputs)
    _, query = draw(problems.query)
    solution = option_codes[jnp.arange(count), problems.solution]
    tasks = Task(inputs, output_codes, outputs, query, options, solution)

    step = lambda task, key: SOLVERS[solver](decode, task, key, search)
    deltas = jax.vmap(step)(tasks, keys)
    found = decode(query + deltas)
    distance = jax.vmap(lambda image, four: _squared(four, image))(found, options)
    choice = distance.argmin(axis=1)
    return Answers(choice, choice == problems.solution, deltas, found)  # type: ignore[arg-type]


def _squared(images: Array, target: Array) -> Array:
    """Squared error of each image, summed over pixels and channels."""
    return ((images - target) ** 2).sum(axis=range(1, images.ndim))


def _check(search: Search, num_examples: int) -> None:
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
