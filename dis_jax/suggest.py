"""Suggestions for unknown names in error messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggest(name: str, known: Iterable[str]) -> str:
    """The known names nearest to an unknown one, and all of them.

    Args:
      name: the unknown name.
      known: all known names.

    Returns:
      Sentences that follow a semicolon.

    Example:
      >>> from dis_jax.suggest import suggest
      >>> suggest("mgi", ["mig", "sap"])
      "did you mean 'mig'? Known: mig, sap."
      >>> suggest("MIGs", ["mig", "sap"])
      "did you mean 'mig'? Known: mig, sap."
      >>> suggest("wasserstein", ["mig", "sap"])
      'known: mig, sap.'
    """
    known = list(known)
    near = nearest(name, known)
    if not near:
        return f"known: {', '.join(known)}."
    return f"did you mean {near}? Known: {', '.join(known)}."


def nearest(name: str, known: Iterable[str]) -> str:
    """The known names nearest to an unknown one: "'mig' or 'sap'", empty if there is none.

    Args:
      name: the unknown name.
      known: all known names.

    Returns:
      At most three names.
    """
    # Compared without case: dSprites is near dsprites. Of names that differ only in case,
    # the first counts.
    exact = {word.lower(): word for word in reversed([*known])}
    near = difflib.get_close_matches(name.lower(), exact, n=3, cutoff=0.4)
    return " or ".join(repr(exact[word]) for word in near)
