"""How a process keeps and finds its memory."""

import json
import os
import pathlib
import statistics
import sys

import jax
import pytest

from dis_jax import memory, process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc")

# Page faults of each of 10 steps, after 11, of a network with buffers of 38 MB: by default,
# glibc keeps at most 32 MB.
FAULTS = """
import json, resource
{first}
import jax, jax.numpy as jnp

@jax.jit
def step(weights, x):
    def loss(weights):
        h = x
        for w in weights:
            h = jnp.tanh(h @ w)
        return (h**2).sum()
    return [w - g for w, g in zip(weights, jax.grad(loss)(weights))]

weights, x = 2 * [jnp.eye(32)], jnp.ones((300_000, 32))
faults = []
for i in range(21):
    weights = jax.block_until_ready(step(weights, x))
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
print(json.dumps([b - a for a, b in zip(faults[10:], faults[11:])]))
"""
# A heap of free pieces, 2 to 60 KB, as a compiler leaves it. Prints the pages of the
# process before and after, and the address range of 100 later allocations.
PIECES = """
import ctypes, json, random
from dis_jax import memory

memory.keep()
libc = memory._glibc()
draw = random.Random(0)
sizes = [draw.randint(2_000, 60_000) for _ in range(4_000)]
taken = [libc.malloc(size) for size in sizes]
for piece, size in zip(taken, sizes):
    ctypes.memset(piece, 1, size)
for piece in taken[::2]:
    libc.free(piece)

def pages():
    return int(open("/proc/self/statm").read().split()[1])

before = pages()
{then}
after = pages()
places = sorted(libc.malloc(10_000) for _ in range(100))
print(json.dumps([before, after, places[-1] - places[0]]))
"""
# Prints the flags of the memory of two large blocks, before and after `take_pieces`.
FLAGS = """
import json, re
from dis_jax import memory

def flags(address):
    of_range = ""
    for line in open("/proc/self/smaps"):
        if found := re.match("([0-9a-f]+)-([0-9a-f]+) ", line):
            start, end = (int(part, 16) for part in found.groups())
        elif line.startswith("VmFlags:") and start <= address < end:
            of_range = line.split()[1:]
    return of_range

if {keep}:
    memory.keep()
libc = memory._glibc()
first = libc.malloc(100 << 20)
before = flags(first + (50 << 20))
if {keep}:
    libc.free(first)
    memory.take_pieces()
print(json.dumps([before, flags(libc.malloc(100 << 20) + (50 << 20))]))
"""
# Prints the number of compiled programs and of calls of `take_pieces`.
COMPILED = """
import json
import jax, jax.numpy as jnp
from dis_jax import memory, process

events, taken = [], []
memory._LONG = {long}
memory.take_pieces = lambda: taken.append(1)
process.set_up_jax()
process.set_up_jax()
heard = lambda name, *_, **__: events.append(name)
jax.monitoring.register_event_duration_secs_listener(heard)
jax.jit(lambda x: jnp.tanh(x) + 2)(jnp.ones(3))
jax.monitoring.record_event_duration_secs("/another/event", 100.0)
compiled = events.count("/jax/core/compile/backend_compile_duration")
print(json.dumps([compiled, len(taken)]))
"""


@pytest.mark.parametrize(
    ("platforms", "plugin", "driver", "on_cpu"),
    [
        ("", True, True, False),
        ("", False, True, True),  # JAX for the CPU alone, on a machine with a GPU
        ("", True, False, True),
        ("cpu", True, True, True),
        ("cuda,cpu", False, False, False),
    ],
)
def test_memory_is_kept_where_jax_computes_on_a_cpu(
    monkeypatch, tmp_path, platforms, plugin, driver, on_cpu
):
    monkeypatch.setenv("JAX_PLATFORMS", platforms)
    monkeypatch.setattr(memory, "_PLUGINS", ("no_plugin", "json")[: 1 + plugin])
    monkeypatch.setattr(memory, "_DRIVERS", ("/no/driver", str(tmp_path))[: 1 + driver])
    done = []
    monkeypatch.setattr(memory, "keep", lambda: done.append("keep"))
    monkeypatch.setattr(memory, "watch_compiler", lambda: done.append("watch"))
    monkeypatch.setattr(jax.config, "update", lambda *_: None)  # of this process
    process.set_up_jax()
    assert done == (["keep", "watch"] if on_cpu else [])


def test_memory_is_not_asked_for_anew_in_every_step(commands):
    faults = []
    for first in ("", "from dis_jax import training; training.set_up_jax()"):
        env = os.environ | {"XLA_FLAGS": "", "JAX_PLATFORMS": "cpu"}
        (done,) = commands(
            {"code": FAULTS.format(first=first), "arguments": [], "env": env}
        )
        assert done.returncode == 0, done.stderr
        # the median: in some steps the heap grows permanently
        faults.append(statistics.median(json.loads(done.stdout)))
    default, kept = faults
    assert default > 38e6 / 4096  # a buffer's pages in each step, and more
    assert kept < default / 100


def test_free_pieces_are_taken_and_their_pages_given_back(commands):
    found = []
    for then in ("", "memory.take_pieces()"):
        code = PIECES.format(then=then)
        (done,) = commands({"code": code, "arguments": [], "env": dict(os.environ)})
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    (_, held, scattered), (before, after, together) = found
    assert scattered > 10 * 100 * 10_000
    assert 99 * 10_000 < together < 1.1 * 99 * 10_000  # without gaps
    assert after < before - 10_000 < held  # of 2,000 free pieces of 31 KB, 15,000 pages


@pytest.mark.skipif(
    not pathlib.Path("/sys/kernel/mm/transparent_hugepage").exists(),
    reason="a kernel without huge pages",
)
def test_large_blocks_get_huge_pages(commands):
    found = []
    for keep in (False, True):
        code = FLAGS.format(keep=keep)
        (done,) = commands({"code": code, "arguments": [], "env": dict(os.environ)})
        assert done.returncode == 0, done.stderr
        found += json.loads(done.stdout)
    assert ["hg" in flags for flags in found] == [False, False, True, True]


def test_pieces_are_taken_once_after_each_long_compilation(commands):
    found = []
    for long in (1e-9, 1e9):
        code = COMPILED.format(long=long)
        env = os.environ | {"JAX_PLATFORMS": "cpu"}
        (done,) = commands({"code": code, "arguments": [], "env": env})
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    (compiled, taken), (also_compiled, never) = found
    assert compiled == also_compiled == taken > 0
    assert never == 0
