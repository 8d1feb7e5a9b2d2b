"""Malformed data files of every format: refused by name, or read correctly.

  python -m tests.faults.data              # all, in two minutes
  python -m tests.faults.data --every=9    # a sample

Fixed seeds generate the files. Each is read by `data.load`, as a user does, and counted:

  refused     a ValueError or FileNotFoundError that names the file
  right       the images and labels of the whole file, if the fault changes neither
  unnamed     an error that does not name the file
  traceback   any other error
  wrong       other images or labels, without an error

Only the first two are allowed. A text table has no end mark, so it is not cut. Without a
checksum, a flipped bit among the pixels cannot be detected, so bits are flipped in the
header alone.
"""

from __future__ import annotations

import argparse
import collections
import pathlib
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from dis_jax import data
from tests.faults import binary_formats, image_formats, npz_formats
from tests.faults.format import Format, digests_of_published, publish

FORMATS = (*npz_formats.FORMATS, *binary_formats.FORMATS, *image_formats.FORMATS)
PAGE = b"<!DOCTYPE html><html><head><title>404 Not Found</title></head></html>"
_CUTS = (0.0, 0.002, 0.1, 0.5, 0.9, 1.0)
_FLIPS = 14


class Fault(NamedTuple):
    """A malformed file.

    Attributes:
      format: the file's format.
      name: what is wrong with it.
      change: rewrites the file.
      expected: "refused", "right", or "either".
    """

    format: Format
    name: str
    change: Callable[[pathlib.Path], Any]
    expected: str


def faults(format: Format, content: bytes) -> Iterator[Fault]:
    """Yields all faults of a format, given the bytes of a whole file."""
    put = lambda new: lambda path: path.write_bytes(new)
    for share in _CUTS if format.ends else ():
        length = min(round(share * len(content)), len(content) - 1)
        yield Fault(format, f"cut at byte {length}", put(content[:length]), "either")
    yield Fault(format, "a web page", put(PAGE), "refused")
    yield Fault(format, "zeros", put(bytes(len(content))), "refused")
    noise = np.random.default_rng(1).bytes(len(content))
    yield Fault(format, "noise", put(noise), "refused")
    turned = content[:4][::-1] + content[4:]
    yield Fault(format, "first bytes turned round", put(turned), "either")
    if format.flips:
        stop = len(content) if format.flips < 0 else format.flips
        rng = np.random.default_rng(len(content))
        for place in sorted(
            rng.choice(stop, min(_FLIPS, stop), replace=False).tolist()
        ):
            bit = 1 << int(rng.integers(8))
            new = bytearray(content)
            new[place] ^= bit
            name = f"bit {bit} of byte {place} flipped"
            yield Fault(format, name, put(bytes(new)), "either")
    for name, change in format.wrong.items():
        yield Fault(format, name, change, "refused")
    for name, change in format.fine.items():
        yield Fault(format, name, change, "right")


def outcome(fault: Fault, folder: pathlib.Path, whole: Sequence[np.ndarray]) -> str:
    """Writes a malformed file, reads it, and returns the outcome."""
    path = fault.format.write(folder)
    fault.change(path)
    try:
        found = contents(fault.format.load(folder))
    except (ValueError, FileNotFoundError) as error:
        if not any(word in str(error) for word in (path.name, *fault.format.names)):
            return f"unnamed: {error}"
        refused = fault.expected != "right"
        return "refused" if refused else f"wrong: refused a file that is right: {error}"
    except Exception as error:
        return f"traceback: {type(error).__name__}: {error}"
    same = all(map(np.array_equal, found, whole))
    if same and fault.expected != "refused":
        return "right"
    return "wrong: " + (
        "read as if it were whole" if same else "other images or labels"
    )


def contents(image_set: data.ImageSet) -> list[np.ndarray]:
    """All images and labels of a set."""
    return [np.asarray(a) for a in image_set.take(np.arange(image_set.num_images))]


def check(every: int = 1) -> list[tuple[Fault, str]]:
    """Tries every `every`-th fault of all formats."""
    results = []
    for format in FORMATS:
        with tempfile.TemporaryDirectory() as root, digests_of_published():
            path = format.write(pathlib.Path(root, "whole"))
            publish(path)
            whole = contents(format.load(pathlib.Path(root, "whole")))
            made = list(faults(format, path.read_bytes()))
            offset = len(results) % every  # so that formats try different faults
            for number, fault in enumerate(made[offset::every]):
                folder = pathlib.Path(root, str(number))
                results.append((fault, outcome(fault, folder, whole)))
    return results


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--every", type=int, default=1, help="try one of so many")
    results = check(parser.parse_args(argv).every)
    kinds = ("refused", "right", "unnamed", "traceback", "wrong")
    table = collections.defaultdict(collections.Counter)
    for fault, result in results:
        kind = result.split(":")[0]
        table[fault.format.name][kind] += 1
        if kind not in kinds[:2]:
            print(f"{fault.format.name}, {fault.name}: {result}")
    table["all"] = sum(list(table.values()), collections.Counter())
    print("| format | files | " + " | ".join(kinds) + " |")
    print("|---|" + "---|" * (1 + len(kinds)))
    for name, count in table.items():
        print(
            f"| {name} | {count.total()} | {' | '.join(str(count[k]) for k in kinds)} |"
        )
    return int(any(table["all"][kind] for kind in kinds[2:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
