"""Parts of a data set's page: masks of regions, and visual analogies."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from dis_jax.data import BOARD_FACTORS, GLYPHS, ImageSet, NarProblems, nar_problems
from dis_jax.figures import page
from dis_jax.figures.page import Section
from dis_jax.figures.pixels import image_grid

_COLUMNS = 8
_SHOWN_EXAMPLES = 3


def masks_section(image_set: ImageSet, seed: int) -> Section:
    """Images, and below each the masks of its regions.

    Args:
      image_set: the set.
      seed: which images.

    Returns:
      The section; a reason instead of pictures if the set has no masks.
    """
    if image_set.masks_fn is None:
        return Section("Masks", "the set has no masks.")
    rng = np.random.default_rng(seed)
    count = min(_COLUMNS, image_set.num_images)
    images, factors = image_set.take(jnp.asarray(image_set.choose(rng, count)))
    images, masks = np.asarray(images), np.asarray(image_set.masks(factors))
    masks = masks.swapaxes(0, 1)
    shown = np.broadcast_to(masks[..., None], (len(masks), *images.shape))
    grid = np.concatenate([images[None], shown.astype(np.float32)])
    names = [name.replace("_", " ") for name, _ in image_set.regions]
    picture = image_grid(grid, row_labels=["image", *names], header_row=True)
    body = page.picture(picture, "masks of regions")
    return Section("Masks", "The pixels of each region.", body)


def problems_section(image_set: ImageSet, seed: int, *, num: int = 6) -> Section:
    """Visual analogies, for sets whose images are boards.

    Args:
      image_set: the set.
      seed: of the problems.
      num: how many are shown.

    Returns:
      The section; a reason instead of pictures if the images are not boards.
    """
    if image_set.factor_names != BOARD_FACTORS:
        return Section("Problems", "the images are not boards of visual analogies.")
    problems = nar_problems(jax.random.key(seed), num)
    body = "".join(
        f"<h3>{program_name(problems.program[i])}</h3>"
        + page.picture(problem_picture(image_set, problems, i), "a visual analogy")
        for i in range(num)
    )
    return Section(
        "Problems",
        f"Above: {_SHOWN_EXAMPLES} of the six examples, each an input and its output. "
        "Below: the query and four options; the correct one is marked.",
        body,
    )


def problem_picture(
    image_set: ImageSet,
    problems: NarProblems,
    index: int,
    *,
    found: Float[Any, "height width channels"] | None = None,
    choice: int | None = None,
) -> np.ndarray:
    """Picture of a visual analogy: some examples, the query, the options.

    Args:
      image_set: renders the boards.
      problems: the problems.
      index: which problem to show.
      found: the board that a solver decoded, shown next to the query.
      choice: the option that the solver chose.

    Returns:
      (height, width, channels) uint8.
    """
    pairs = zip(
        problems.inputs[index, :_SHOWN_EXAMPLES],
        problems.outputs[index, :_SHOWN_EXAMPLES],
        strict=True,
    )
    above = image_set.images(jnp.stack([board for pair in pairs for board in pair]))
    below = image_set.images(
        jnp.concatenate([problems.query[index][None], problems.options[index]])
    )
    blank = np.ones_like(np.asarray(below[:1]))
    middle = blank if found is None else np.asarray(found, np.float32)[None]
    grid = np.stack(
        [above, np.concatenate([below[:1], middle, *np.asarray(below[1:])[:, None]])]
    )
    labels = ["query", "" if found is None else "found"]
    for option in range(len(problems.options[index])):
        right = option == int(problems.solution[index])
        words = [str(option), "right" if right else "", "chosen" * (option == choice)]
        labels.append(" ".join(filter(None, words)))
    heads = ["input", "output"] * _SHOWN_EXAMPLES
    rows = [
        image_grid(row[None], column_labels=names, scale=2, background=225)
        for row, names in zip(grid, (heads, labels), strict=True)
    ]
    return np.concatenate(rows)


def program_name(program: Any) -> str:
    """A program in words: "down, down, to_shape b".

    Args:
      program: (rows down, columns right, shape or -1).

    Returns:
      Its primitives.

    Example:
      >>> program_name([2, -1, 0])
      'down, down, left, to_shape b'
    """
    rows, columns, shape = (int(x) for x in program)
    words = ["down" if rows > 0 else "up"] * abs(rows)
    words += ["right" if columns > 0 else "left"] * abs(columns)
    if shape >= 0:
        words.append(f"to_shape {GLYPHS[shape]}")
    return ", ".join(words)
