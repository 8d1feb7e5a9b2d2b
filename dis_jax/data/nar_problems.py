"""Visual analogies: examples of a program, a query, and four options."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from dis_jax.data.nar_glyphs import GLYPHS
from dis_jax.data.rendered_nar import CELLS, MOST_GLYPHS

EXAMPLES, OPTIONS = 6, 4
LONGEST = 3  # primitives in a program
# Random numbers for the boards of a problem: number of glyphs, order of cells, shapes.
_BOARDS = (EXAMPLES + 1) * (1 + CELLS**2 + MOST_GLYPHS)


class NarProblems(NamedTuple):
    """Visual analogies, as factors of boards: `image_set.images(inputs[i])` renders them.

    Attributes:
      inputs: the boards of the examples, before the program.
      outputs: the same boards after the program.
      query: the board to apply the program to.
      options: the answers to choose from; all differ.
      solution: the index of the right option.
      program: (rows down, columns right, shape or -1): the effect on each glyph.
      length: the number of primitives of the program, 1 to 3.
    """

    inputs: Int[Array, "problem 6 10"]
    outputs: Int[Array, "problem 6 10"]
    query: Int[Array, "problem 10"]
    options: Int[Array, "problem 4 10"]
    solution: Int[Array, " problem"]
    program: Int[Array, "problem 3"]
    length: Int[Array, " problem"]


def nar_problems(key: Key[Array, ""], num_problems: int) -> NarProblems:
    """Samples visual analogies like those of Sonwane et al. 2021.

    A program consists of one to three primitives, each applied to all glyphs of a board:
    shift up, down, left or right by a cell, and to_shape. It has minimal length: no two
    of its shifts cancel, and it has at most one to_shape. Boards are drawn so that no
    glyph leaves the grid and no two share a cell. The three wrong options are the
    results of other programs, of any length, on the query; a wrong option that changes
    shapes has the shape of the right option with probability 1/2. The length of the
    program, and the position of the right option, are uniform.

    Args:
      key: random key of the problems.
      num_problems: number of problems.

    Returns:
      The problems; chance accuracy is one quarter.

    Raises:
      ValueError: if `num_problems` is not positive.

    Example:
      >>> problems = nar_problems(jax.random.key(0), 5)
      >>> problems.options.shape, problems.solution.shape
      ((5, 4, 10), (5,))
    """
    if num_problems < 1:
        raise ValueError(f"num_problems is {num_problems}; expected at least 1.")
    return _draw(key, num_problems)


def apply_program(
    program: Int[Array, " 3"], factors: Int[Array, "*boards 10"]
) -> Int[Array, "*boards 10"]:
    """Shifts all glyphs of boards, and sets their shape.

    Args:
      program: (rows down, columns right, shape or -1 for none).
      factors: of boards; absent glyphs stay as they are.

    Returns:
      The factors afterwards; rows and columns may lie outside the grid.

    Example:
      >>> board = jnp.array([0, 7, 1, 1, 0, 0, 0, 0, 0, 0])  # one glyph, in the middle
      >>> apply_program(jnp.array([1, 0, 4]), board).tolist()[:4]
      [0, 4, 2, 1]
    """
    number, glyphs = factors[..., :1], factors[..., 1:]
    glyphs = glyphs.reshape(*glyphs.shape[:-1], MOST_GLYPHS, 3)
    shape = jnp.where(program[2] < 0, glyphs[..., 0], program[2])
    place = glyphs[..., 1:] + program[:2]
    moved = jnp.concatenate([shape[..., None], place], axis=-1)
    present = (jnp.arange(MOST_GLYPHS) <= number)[..., None]
    glyphs = jnp.where(present, moved, glyphs)
    return jnp.concatenate([number, glyphs.reshape(factors[..., 1:].shape)], axis=-1)


@functools.cache
def _programs() -> tuple[np.ndarray, np.ndarray]:
    """All shortest programs (rows, columns, shape), and the length of each."""
    steps = range(1 - CELLS, CELLS)
    shapes = range(-1, len(GLYPHS))
    found = np.array(list(itertools.product(steps, steps, shapes)), np.int32)
    length = abs(found[:, :2]).sum(1) + (found[:, 2] >= 0)
    kept = (length >= 1) & (length <= LONGEST)
    return found[kept], length[kept]


@functools.partial(jax.jit, static_argnums=1)
def _draw(key: Array, num_problems: int) -> NarProblems:
    # One draw for all random numbers: a program with many draws compiles slowly.
    chance = jax.random.uniform(
        key, (num_problems, 2 + OPTIONS - 1 + OPTIONS + _BOARDS)
    )
    return jax.vmap(_problem)(chance)


def _problem(chance: Float[Array, " draws"]) -> NarProblems:
    of_length, of_program, *of_others = chance[: 2 + OPTIONS - 1]
    order = jnp.argsort(chance[2 + OPTIONS - 1 :][:OPTIONS])
    programs, lengths = (jnp.asarray(a) for a in _programs())
    length = 1 + (of_length * LONGEST).astype(jnp.int32)
    # Each program that changes shapes is in the list once per target shape.
    weight = jnp.where(programs[:, 2] < 0, 1.0, 1 / len(GLYPHS))
    program = programs[_choice(of_program, jnp.where(lengths == length, weight, 0))]
    of_boards = chance[-_BOARDS:].reshape(EXAMPLES + 1, -1)
    boards = jax.vmap(_board, (0, None))(of_boards, program)
    inputs, query = boards[:EXAMPLES], boards[EXAMPLES]
    others = _other_programs(of_others, program, query)
    every = jnp.concatenate([program[None], others])
    options = jax.vmap(apply_program, (0, None))(every, query)
    return NarProblems(
        inputs,
        apply_program(program, inputs),
        query,
        options[order],
        jnp.argmin(order),  # the new position of option 0, the right one
        program,
        length,
    )


def _board(chance: Float[Array, " draws"], program: Int[Array, " 3"]) -> Array:
    """A board whose glyphs have different cells and stay on the grid."""
    of_number, of_cells, of_shapes = jnp.split(chance, [1, 1 + CELLS**2])
    cells = jnp.stack(jnp.divmod(jnp.arange(CELLS**2), CELLS), axis=-1)
    after = cells + program[:2]
    free = ((after >= 0) & (after < CELLS)).all(axis=1)
    # Adding 1 for the others puts the free cells first, in random order.
    place = cells[jnp.argsort(of_cells + ~free)[:MOST_GLYPHS]]
    number = (of_number * MOST_GLYPHS).astype(jnp.int32)
    number = jnp.minimum(number, free.sum() - 1)
    shape = (of_shapes * len(GLYPHS)).astype(jnp.int32)
    glyphs = jnp.concatenate([shape[:, None], place], axis=1)
    # Factors of absent glyphs are 0, so that equal boards have equal factors.
    glyphs = jnp.where((jnp.arange(MOST_GLYPHS) <= number)[:, None], glyphs, 0)
    return jnp.concatenate([number, glyphs.ravel()]).astype(jnp.int32)


def _other_programs(
    chances: Sequence[Array], program: Int[Array, " 3"], query: Int[Array, " 10"]
) -> Int[Array, "3 3"]:
    """Programs with different results on the query, none equal to the solution."""
    programs = jnp.asarray(_programs()[0])
    results = jax.vmap(apply_program, (0, None))(programs, query)
    target = apply_program(program, query)
    differ = (results != target).any(axis=1) & (results != query).any(axis=1)
    allowed = _on_grid(results) & differ
    same = programs[:, 2] == jnp.where(program[2] < 0, query[1], program[2])
    changing = jnp.where(same, 0.5, 0.5 / (len(GLYPHS) - 1))
    weight = jnp.where(programs[:, 2] < 0, 1.0, changing)
    found = []
    for chance in chances:
        chosen = _choice(chance, jnp.where(allowed, weight, 0))
        found.append(programs[chosen])
        allowed &= (results != results[chosen]).any(axis=1)
    return jnp.stack(found)


def _on_grid(factors: Int[Array, "board 10"]) -> Bool[Array, " board"]:
    place = factors[:, 1:].reshape(-1, MOST_GLYPHS, 3)[..., 1:]
    return ((place >= 0) & (place < CELLS)).all(axis=(1, 2))


def _choice(chance: Array, weight: Float[Array, " program"]) -> Int[Array, ""]:
    """A position, drawn in proportion to its weight; `chance` is uniform in [0, 1)."""
    total = jnp.cumsum(weight)
    # Slightly below 1, so that rounding never selects a position past the last.
    return (total <= chance * (1 - 1e-6) * total[-1]).sum()
