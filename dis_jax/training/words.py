"""Parses the argument of a config or a study: "rendered_dsprites,half,steps5000"."""

import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from dis_jax import data, own_code
from dis_jax.data.own_files import is_path
from dis_jax.suggest import suggest

# Patterns of numbers by the type of their default; a tuple allows several numbers.
_FLOAT = r"(?:\d*\.)?\d+(?:e-?\d+)?"
_PATTERNS = {int: r"[1-9]\d*", float: _FLOAT, tuple: _FLOAT}


class Words(NamedTuple):
    """A parsed argument.

    Attributes:
      options: the options that were given, in their order.
      names: names of data sets, in their order.
      numbers: values by name, with defaults for those not given.
      given: those of `numbers` that were given.
      bare: the numbers without a name, in their order.
    """

    options: list[str]
    names: list[str]
    numbers: dict[str, Any]
    given: dict[str, Any]
    bare: list[Any]


def read(
    argument: str,
    numbers: Mapping[str, Any] | None = None,
    options: Iterable[str] = (),
    *,
    bare: Sequence[type] = (),
    datasets: bool = False,
) -> Words:
    """Parses words separated by commas; the argument may be empty.

    Args:
      argument: the words.
      numbers: default by name: a whole number from 1 ("steps5000"), a float ("rate5e-4"),
        or a tuple, if the name may occur several times ("beta1,beta4").
      options: all other known words.
      bare: types of the numbers that may be given without a name, in their order.
      datasets: whether names of data sets and paths may be among the words.

    Returns:
      The parsed words.

    Raises:
      ValueError: if a word is not known; the message suggests known words.

    Example:
      >>> found = read("half,seeds2", {"steps": 0, "seeds": 3, "rate": 1e-4}, ["half"])
      >>> found.numbers, found.options
      ({'steps': 0, 'seeds': 2, 'rate': 0.0001}, ['half'])
    """
    numbers, options = numbers or {}, tuple(options)
    found = Words([], [], dict(numbers), {}, [])
    # a comma within parentheses belongs to the word
    for word in filter(None, re.split(r",(?![^()]*\))", argument)):
        if word in options:
            found.options.append(word)
        elif named := _number(word, numbers):
            name, value = named
            if isinstance(numbers[name], tuple):
                value = (*found.given.get(name, ()), value)
            found.given[name] = found.numbers[name] = value
        elif _is_bare(word, bare[len(found.bare) :]):
            found.bare.append(bare[len(found.bare)](word))
        elif datasets and _is_dataset(word):
            found.names.append(word)
        else:
            known = [*options, *(f"{name}N" for name in numbers)]
            known += data.NAMES if datasets else ()
            hints = [f"At most {len(bare)} plain numbers are allowed."] if bare else []
            if any(map(is_path, found.names)):
                hints.append("A path cannot contain a comma here.")
            if datasets and pathlib.Path(word).exists():
                hints.append(f"For the folder {word} write ./{word}")
            text = " ".join((suggest(word, known), *hints))
            raise ValueError(f"unknown argument {word!r}; {text}")
    return found


def _number(word: str, numbers: Mapping[str, Any]) -> tuple[str, Any] | None:
    """Name and value of a word such as "steps5000"."""
    for name, default in numbers.items():
        if match := re.fullmatch(f"{name}({_PATTERNS[type(default)]})", word):
            whole = not isinstance(default, float) and match[1].isdigit()
            return name, (int if whole else float)(match[1])
    return None


def _is_bare(word: str, kinds: Sequence[type]) -> bool:
    """Whether a word is a number of the first of these kinds."""
    return bool(kinds) and bool(
        re.fullmatch(r"\d+" if kinds[0] is int else _FLOAT, word)
    )


def _is_dataset(word: str) -> bool:
    """Whether a word may name a data set; variants and a split may follow the name."""
    name = data.name_and_split(word)[0].split("+")[0]
    return name in data.NAMES or is_path(name) or own_code.is_own(name)
