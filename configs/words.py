"""Words after the colon of a study: "half,steps5000,seeds2"."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

_DIGITS = {int: r"[1-9]\d*", float: r"\d+(?:\.\d+)?(?:e-?\d+)?"}


def read(
    argument: str,
    numbers: Mapping[str, float],
    known: Iterable[str] | None = (),
) -> tuple[dict[str, Any], list[str]]:
    """Numbers by the name that stands before them, and all other words.

    Args:
      argument: words with commas between them, perhaps none.
      numbers: what each is if it is not asked for; whole numbers from 1, or floats.
      known: the other words that there are; None for any.

    Returns:
      The numbers, and the other words in their order.

    Raises:
      ValueError: if a word is not known; says which are.

    Example:
      >>> read("half,seeds2", {"steps": 0, "seeds": 3, "rate": 1e-4}, ["half"])
      ({'steps': 0, 'seeds': 2, 'rate': 0.0001}, ['half'])
    """
    found, others = dict(numbers), []
    known = None if known is None else tuple(known)
    for word in filter(None, argument.split(",")):
        for name, default in numbers.items():
            kind = type(default)
            if number := re.fullmatch(f"{name}({_DIGITS[kind]})", word):
                found[name] = kind(number[1])
                break
        else:
            if known is not None and word not in known:
                names = ", ".join((*known, *(f"{name}N" for name in numbers)))
                raise ValueError(f"unknown word {word!r}; known: {names}.")
            others.append(word)
    return found, others
