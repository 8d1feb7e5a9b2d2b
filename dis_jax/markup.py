"""Escapes names, labels, paths and messages, so that no part of them acts as markup.

These texts come from other people's files (a column of a CSV file, a folder, a set's name)
and appear on HTML pages, in Markdown tables and in figures.
"""

from __future__ import annotations

import html
import re
import unicodedata

# These change the writing direction of all text that follows, even after the name.
_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_MARKDOWN = re.compile(r"([\\|`*\[\]$~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")


def plain(text: str) -> str:
    """A text on one line, in which every character is visible.

    Line ends and tabs become spaces. Other control characters, and those that change the
    writing direction, become their code numbers.

    Args:
      text: any.

    Returns:
      The text.

    Example:
      >>> plain("two\\nlines, \\x1b[31mred")
      'two lines, \\\\u001b[31mred'
    """
    return "".join(map(_seen, text))


def escape_html(text: str) -> str:
    """Escapes a text for HTML, in an element or in a quoted attribute.

    Args:
      text: any.

    Returns:
      HTML.

    Example:
      >>> escape_html('<b>"a" & b')
      '&lt;b&gt;&quot;a&quot; &amp; b'
    """
    return html.escape(plain(text))


def escape_markdown(text: str) -> str:
    """Escapes a text for Markdown, in a line or in a cell of a table.

    Args:
      text: any.

    Returns:
      Markdown. Underscores within words stay: `pos_x` is `pos_x` on a page too.

    Example:
      >>> print(escape_markdown("a|b <i> pos_x"))
      a\\|b &lt;i> pos_x
    """
    text = plain(text).replace("&", "&amp;").replace("<", "&lt;")
    return _MARKDOWN.sub(r"\\\1", text)


def code_span(text: str) -> str:
    """A text as code within a line of Markdown.

    Args:
      text: any, such as a command.

    Returns:
      Markdown, enclosed in more backticks than the text has in a row.

    Example:
      >>> code_span("python -m launch.study"), code_span("a`b")
      ('`python -m launch.study`', '``a`b``')
    """
    text = plain(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if text[:1] == "`" or text[-1:] == "`" else ""
    return f"{fence}{space}{text}{space}{fence}"


def counted(number: int, noun: str) -> str:
    """A number with its noun, singular or plural.

    Args:
      number: how many.
      noun: in the singular, with a regular plural.

    Returns:
      Text.

    Example:
      >>> counted(1, "member"), counted(1200, "step")
      ('1 member', '1,200 steps')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def escape_math(text: str) -> str:
    """Escapes a text for matplotlib, line by line: dollars start no formula.

    Args:
      text: any.

    Returns:
      The text. If it begins with an underscore, a space comes first, because matplotlib
      omits such labels from legends.

    Example:
      >>> print(escape_math("cost in $, gain in $"))
      cost in \\$, gain in \\$
    """
    lines = "\n".join(map(plain, text.split("\n"))).replace("$", r"\$")
    return f" {lines}" if lines.startswith("_") else lines


def _seen(character: str) -> str:
    if character in "\n\r\t\v\f\x85\u2028\u2029":
        return " "
    if character in _DIRECTIONS or unicodedata.category(character) in ("Cc", "Cs"):
        return f"\\u{ord(character):04x}"
    return character
