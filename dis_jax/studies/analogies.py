"""Visual analogies solved by a step in latent space: searches, controls, accuracy.

A step `delta` represents the program: the code of an input plus delta should decode to the
output. The answer is the option nearest to the decoded query, in squared error.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from dis_jax.data import ImageSet, NarProblems
from dis_jax.studies.latent_search import (
    SOLVERS,
    Features,
    Search,
    Solver,
    Task,
    check_search,
)

Decode = Callable[
    [Float[Array, "batch latent"]], Float[Array, "batch height width channels"]
]


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


class DrawnProblems(NamedTuple):
    """Encoded problems, which all solvers share.

    Attributes:
      tasks: codes and features, an array over problems in each field.
      options: the answers to choose from, as images.
    """

    tasks: Task
    options: Float[Any, "problem option height width channels"]


def draw_problems(
    encode: Callable[[Array], Array],
    image_set: ImageSet,
    problems: NarProblems,
    *,
    features: Features | None = None,
    chunk: int = 8,
) -> DrawnProblems:
    """Draws and encodes the boards of problems, which several solvers can share.

    Args:
      encode: images -> codes (batch, latent).
      image_set: draws the boards.
      problems: as `data.nar_problems` gives them.
      features: what the searches compare; by default the pixels.
      chunk: problems that are drawn at once; more take more memory.

    Returns:
      The problems as codes, features and images, NumPy arrays.

    Example:
      >>> from dis_jax import data, studies
      >>> pixels = lambda images: images.reshape(len(images), -1)
      >>> drawn = studies.draw_problems(
      ...     pixels, data.rendered_nar(), data.nar_problems(jax.random.key(0), 3))
      >>> drawn.options.shape, drawn.tasks.inputs.shape
      ((3, 4, 64, 64, 1), (3, 6, 4096))
    """
    of_images = features.of_images if features else _flat
    draw = jax.jit(functools.partial(_draw, encode, of_images))
    every = jax.tree.map(np.asarray, problems)
    drawn = [draw(image_set, piece) for piece in _chunks(every, chunk)]
    return _joined(drawn, len(problems.query))


def solve_analogies(
    encode: Callable[[Array], Array],
    decode: Decode,
    image_set: ImageSet,
    problems: NarProblems,
    key: Key[Array, ""],
    solver: str = "genetic",
    *,
    search: Search | None = None,
    features: Features | None = None,
    drawn: DrawnProblems | None = None,
    chunk: int = 8,
) -> Answers:
    """Answers visual analogies by a step in latent space, many problems at once.

    `delta = argmin Σ_e ||f(z_e + delta) - f(output_e)||²` over the examples e, where f is
    the decoded image itself or given `features`; the answer is
    `argmin_o ||decode(z_q + delta) - option_o||²`.

    Eq.: Swain & Mahajan 2022, Section 3.2

    Args:
      encode: images -> codes (batch, latent).
      decode: codes (batch, latent) -> images in [0, 1].
      image_set: draws the boards of the problems.
      problems: as `data.nar_problems` gives them.
      key: of the search.
      solver: "genetic"; "genetic_options", the source's fitness, which uses the
        query's options instead of the examples; "cma_es" (needs evosax); "random"
        search with as many evaluations; "gradient" descent through the decoder;
        "latent_difference", the mean difference of the examples' codes; "no_step", the
        option nearest to the query; "reconstruction", which receives the solution's code
        and so bounds the others.
      search: settings of the searches.
      features: what the searches compare, such as those of `fit_surrogate`; by default
        the pixels, and every candidate is decoded.
      drawn: the same problems by `draw_problems`, with the same features, so that several
        solvers share them.
      chunk: problems that are searched at once; more take more memory.

    Returns:
      The answers.

    Raises:
      ValueError: if there is no such solver, or a setting is too small.
      ModuleNotFoundError: if the solver is "cma_es" and evosax is not installed.

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
    check_search(solver, search, problems.inputs.shape[1])
    features = features or Features(lambda z: _flat(decode(z)), _flat)
    drawn = drawn or draw_problems(
        encode, image_set, problems, features=features, chunk=chunk
    )
    count = len(problems.query)
    find = _finder(SOLVERS[solver], features, search)
    answer = jax.jit(functools.partial(_answer, decode))
    keys = jax.jit(lambda number: jax.random.split(key, count)[number])
    every = drawn, np.asarray(problems.solution), np.arange(count)
    parts = [
        answer(boards, solution, find(boards.tasks, keys(number)))
        for boards, solution, number in _chunks(every, chunk)
    ]
    return _joined(parts, count)


def _chunks(tree: Any, chunk: int) -> Iterator[Any]:
    """Yields parts of NumPy arrays, of equal length so that all run the same program.

    The last part is filled up with repeats; `_joined` removes them.
    """
    count = len(jax.tree.leaves(tree)[0])
    for start in range(0, count, chunk):
        index = np.minimum(np.arange(start, start + chunk), count - 1)
        yield jax.tree.map(lambda a, i=index: a[i], tree)


def _joined(parts: list[Any], count: int) -> Any:
    """The first `count` rows of all parts, as NumPy arrays."""
    return jax.tree.map(
        lambda *rows: np.concatenate([np.asarray(part) for part in rows])[:count],
        *parts,
    )


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
      answers: of a solver.

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


def _draw(
    encode: Callable[[Array], Array],
    of_images: Callable[[Array], Array],
    image_set: ImageSet,
    problems: NarProblems,
) -> DrawnProblems:
    count, examples, factors = problems.inputs.shape
    boards = (problems.inputs, problems.outputs, problems.query[:, None])
    # All boards at once, so that the program contains one renderer and one encoder.
    rows = jnp.concatenate([*boards, problems.options], axis=1)
    images = image_set.images(rows.reshape(-1, factors))
    ends = (examples, 2 * examples, 2 * examples + 1)
    parts = lambda of_boards: jnp.split(
        of_boards.reshape(count, rows.shape[1], -1), ends, axis=1
    )
    _, outputs, _, compared = parts(of_images(images))
    inputs, output_codes, query, option_codes = parts(encode(images))
    options = images.reshape(*rows.shape[:2], *images.shape[1:])[:, ends[-1] :]
    solution = option_codes[jnp.arange(count), problems.solution]
    tasks = Task(inputs, output_codes, outputs, query[:, 0], compared, solution)
    return DrawnProblems(tasks, options)


def _finder(
    solver: Solver, features: Features, search: Search
) -> Callable[[Task, Array], Array]:
    """(tasks, keys) -> a step for each; all problems run each generation together."""

    # The first generation is the start.
    later = search.generations - 1 if solver.generation else 0

    def start(task: Task, key: Array) -> Any:
        fitness = solver.fitness(features, task, search)
        return solver.start(fitness, task, jax.random.split(key, 1 + later)[0], search)

    def generation(task: Task, memory: Any, key: Array, number: Array) -> Any:
        assert solver.generation is not None
        fitness = solver.fitness(features, task, search)
        own = jax.random.split(key, 1 + later)[number]
        return solver.generation(fitness, memory, own, search)

    begin = jax.jit(jax.vmap(start))
    advance = jax.jit(jax.vmap(generation, in_axes=(0, 0, 0, None)))
    end = jax.jit(jax.vmap(solver.best))

    def find(tasks: Task, keys: Array) -> Array:
        memory = begin(tasks, keys)
        for number in range(1, 1 + later):
            memory = advance(tasks, memory, keys, number)
        return end(memory)

    return find


def _answer(
    decode: Decode, drawn: DrawnProblems, solution: Array, deltas: Array
) -> Answers:
    found = decode(drawn.tasks.query + deltas)
    gap = found[:, None] - drawn.options
    choice = (gap**2).sum(axis=range(2, gap.ndim)).argmin(axis=1)
    return Answers(choice, choice == solution, deltas, found)  # type: ignore[arg-type]


def _flat(images: Array) -> Array:
    return images.reshape(len(images), -1)
