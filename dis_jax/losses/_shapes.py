"""Shape checks that the public losses make on entry."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import ArrayLike


def check_shapes(**arrays: tuple[ArrayLike, str]) -> None:
    """Checks that arrays have the named shapes and that equal names have equal sizes.

    Args:
      **arrays: `name=(array, shape)`, the shape as jaxtyping writes it: one word per
        axis, a number for a fixed size, at most one `*word` for any number of axes.

    Raises:
      ValueError: names the first array whose shape does not fit; sizes come from the
        arrays before it.
    """
    sizes: dict[str, int | tuple[int, ...]] = {}
    for name, (array, shape) in arrays.items():
        found = jnp.shape(array)
        if not _bind(sizes, shape.split(), found):
            known = [
                f"{word} = {sizes[word]}" for word in shape.split() if word in sizes
            ]
            wanted = ", ".join([f"({shape.replace(' ', ', ')})", *known])
            raise ValueError(f"`{name}` has shape {found}; expected {wanted}.")


def check_several(**arrays: ArrayLike) -> None:
    """Raises a ValueError for a batch of one example: some losses compare examples.

    Raises:
      ValueError: names the first array whose leading axis has fewer than two examples.
    """
    for name, array in arrays.items():
        if jnp.shape(array)[0] < 2:
            raise ValueError(
                f"`{name}` has the shape {jnp.shape(array)}; expected two examples or "
                "more: this loss compares the examples of a batch."
            )


def _bind(sizes: dict, words: list[str], found: tuple[int, ...]) -> bool:
    star = next((i for i, word in enumerate(words) if word[0] == "*"), None)
    if star is None:
        if len(words) != len(found):
            return False
        pairs = list(zip(words, found, strict=True))
    else:
        # The starred word takes the axes that the words before and after it leave.
        after = len(words) - star - 1
        if len(found) < star + after:
            return False
        stop = len(found) - after
        pairs = [
            *zip(words[:star], found[:star], strict=True),
            (words[star], found[star:stop]),
            *zip(words[star + 1 :], found[stop:], strict=True),
        ]
    # A copy: sizes of an array that does not fit must not reach the error message.
    trial = dict(sizes)
    for word, size in pairs:
        if (int(word) if word.isdigit() else trial.setdefault(word, size)) != size:
            return False
    sizes.update(trial)
    return True
