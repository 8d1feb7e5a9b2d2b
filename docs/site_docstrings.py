"""An extension of griffe that converts the sections of our docstrings."""

from __future__ import annotations

import re
from typing import Any

import griffe


class Docstrings(griffe.Extension):
    """Converts `Example:` to griffe's `Examples:`, and marks `Eq.:` as an equation."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrites one docstring."""
        if obj.docstring is None:
            return
        text = re.sub(
            r"^( *)Example:$", r"\1Examples:", obj.docstring.value, flags=re.M
        )
        obj.docstring.value = re.sub(
            r"^( *)Eq\.: ", r"\1*Equation*: ", text, flags=re.M
        )
