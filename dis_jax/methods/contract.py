"""Checks of the contract between methods and the training engine."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export
from jaxtyping import Array

from dis_jax import data, own_code
from dis_jax.methods.method import Batch, Code, Method, State, point
from dis_jax.suggest import suggest

_STEPS = 3
_MOVED = 0.05  # largest change of a step by rounding, as a share of the step
_METRIC = 1e-3  # largest change of a metric by rounding


class _Subject:
    """The method under test, with a state, batches and its compiled step."""

    def __init__(self, make: Callable[..., Method], config: Any, images: data.ImageSet):
        self.make, self.config, self.images = make, config, images
        self.method = make(config, None)
        check_fields(self.method, getattr(make, "__name__", "the method"))
        sampler = data.SAMPLERS[self.method.batch]
        self.sampler = sampler(images, config.batch_size, **config.sampler)
        self.update = jax.jit(self.method.update)

    @functools.cached_property
    def state(self) -> State:
        return self.begin(0)

    @functools.cached_property
    def batches(self) -> list[Any]:
        draw = jax.jit(self.sampler.sample)
        args = (self.images, jax.random.key(1))
        return [draw(*args, jnp.int32(i), self.sampler.args) for i in range(_STEPS)]

    def begin(self, seed: int) -> State:
        return jax.jit(self.method.init)(jax.random.key(seed), self.batches[0])


def check(
    method: Callable[..., Method],
    config: Any,
    image_set: data.ImageSet | None = None,
    parts: Sequence[str] = (),
) -> tuple[str, ...]:
    """Checks that the training engine can rely on a method.

    Args:
      method: the function that makes it, `(config, axis_name) -> Method`.
      config: small networks and a `batch_size` of 4 are enough.
      image_set: by default `config.dataset`; its shape replaces `config.image_shape`.
      parts: names of the checks in `CONTRACT`, by default all:
        "step" (a function of state and batch, which keeps key, hyperparameters, shapes
        and types, changes parameters, draws new random numbers each time, and reports
        finite scalars), "resume" (training from a saved state continues bit for
        bit), "devices" (a batch split over several devices gives the same step),
        "replicas" (replicas that average over `axis_name` stay equal), "population"
        (members give the same steps together and alone, and a step takes
        hyperparameters from `state.hparams`, not from the config), "lowering" (a step
        compiles for TPU and CUDA), "codes" (finite codes, images in [0, 1]).

    Returns:
      The names of the parts; all passed.

    Raises:
      ValueError: names each part that failed, and what was found.

    Example:
      >>> from configs import vae
      >>> from dis_jax import methods
      >>> config = vae.get_config("rendered_dsprites,mlp")
      >>> config.update(batch_size=8, precision="float32")
      >>> config.network.update(encoder=(8,), decoder=(8,))
      >>> methods.check(methods.vae, config, parts=("step", "codes"))
      ('step', 'codes')
    """
    for part in parts:
        if part not in CONTRACT:
            raise ValueError(f"unknown part {part!r}; {suggest(part, CONTRACT)}")
    images = data.load(config.dataset) if image_set is None else image_set
    config = config.copy_and_resolve_references()
    with config.unlocked():
        config.image_shape = images.image_shape
    subject = _Subject(method, config, images)
    asked, failed = tuple(parts or CONTRACT), {}
    file = getattr(getattr(method, "__code__", None), "co_filename", "")
    for part in asked:
        try:
            CONTRACT[part](subject)
        except _Broken as error:
            failed.setdefault(str(error), []).append(part)
        except Exception as error:  # the method is the user's: anything may be raised
            failed.setdefault(own_code.in_file(file, error), []).append(part)
    if failed:
        name = getattr(method, "__name__", "the method")
        lines = [f"  {', '.join(which)}: {words}" for words, which in failed.items()]
        raise ValueError(
            "\n".join([f"{name} breaks the contract of a method:", *lines])
        )
    return asked


class _Broken(Exception):
    """A violation of the contract."""


def check_fields(method: Any, name: str) -> None:
    """Raises ValueError unless a value is a `Method` with a known sampler.

    Args:
      method: the result of a user's function.
      name: of the function, for the message.
    """
    if not isinstance(method, Method):
        raise ValueError(
            f"{name}(config, axis_name) returned a {type(method).__name__}; expected a "
            "`dis_jax.methods.Method`."
        )
    if method.batch not in data.SAMPLERS:
        known = suggest(str(method.batch), data.SAMPLERS)
        raise ValueError(f"{name} has batch = {method.batch!r}; {known}")
    for field in ("init", "update", "encode", "decode"):
        value = getattr(method, field)
        if not callable(value) and (field != "decode" or value is not None):
            raise ValueError(f"{name}: `{field}` is {value!r}; expected a function.")


def check_step(before: State, after: Any) -> None:
    """Raises ValueError unless `update` returned a state of equal shapes, and metrics.

    Args:
      before: the state that it received, or its shapes.
      after: its result, or the shapes of its result.
    """
    if not isinstance(after, tuple) or len(after) != 2:
        count = f" of {len(after)}" if isinstance(after, tuple | list) else ""
        raise ValueError(
            f"update returned a {type(after).__name__}{count}; expected (state, metrics)."
        )
    state, metrics = after
    if not isinstance(state, State):
        raise ValueError(f"update returned a {type(state).__name__}; expected a State.")
    old, new = _described(before), _described(state)
    if changed := [k for k in {**old, **new} if old.get(k) != new.get(k)]:
        name = changed[0]
        raise ValueError(
            f"update turns state{name} from {old.get(name, 'nothing')} into "
            f"{new.get(name, 'nothing')}; expected a state of the same shapes and types."
        )
    fields = getattr(metrics, "_fields", None)
    if not isinstance(metrics, tuple) or fields is None:
        raise ValueError(
            f"update reports a {type(metrics).__name__}; expected a NamedTuple of scalars."
        )
    for name, value in zip(fields, metrics, strict=True):
        if jnp.shape(value):
            raise ValueError(
                f"the metric {name!r} has the shape {jnp.shape(value)}; expected a scalar."
            )


def _described(tree: Any) -> dict[str, str]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {
        jax.tree_util.keystr(path): f"{leaf.dtype}{list(leaf.shape)}"
        for path, leaf in leaves
    }


def _step(subject: _Subject) -> None:
    state, batch = subject.state, subject.batches[0]
    first = subject.update(state, batch)
    check_step(state, first)
    _same(first, subject.update(state, batch), "the same step twice")
    after, metrics = first
    if int(after.step) != int(state.step) + 1:
        raise _Broken(f"state.step went from {int(state.step)} to {int(after.step)}.")
    _same(state.key, after.key, "state.key before and after a step")
    _same(state.hparams, after.hparams, "state.hparams before and after a step")
    if "loss" not in metrics._fields:
        raise _Broken(f"no metric is called loss; found {', '.join(metrics._fields)}.")
    for name, value in zip(metrics._fields, metrics, strict=True):
        if not np.isfinite(value):
            raise _Broken(f"the metric {name!r} of the first step is {float(value)}.")
    if _equal(state.params, after.params):
        raise _Broken("no parameter changes in a step.")
    key = state._replace(key=jax.random.fold_in(state.key, 1))
    later = state._replace(step=state.step + 1)
    by_key, by_step = (subject.update(s, batch)[0].params for s in (key, later))
    if _equal(after.params, by_step) and not _equal(after.params, by_key):
        raise _Broken(
            "steps draw the same random numbers: they depend on state.key, but not on "
            "state.step. Take the key from autoencoder.step_key(state, axis_name)."
        )


def _resume(subject: _Subject) -> None:
    unbroken = subject.state
    for batch in subject.batches:
        unbroken, _ = subject.update(unbroken, batch)
    state, *_ = subject.update(subject.state, subject.batches[0])
    state = jax.tree.map(_written_and_read, state)
    for batch in subject.batches[1:]:
        state, _ = subject.update(state, batch)
    _same(unbroken, state, "an uninterrupted and a resumed run")


def _devices(subject: _Subject) -> None:
    size, most = subject.config.batch_size, len(jax.devices())
    count = next(n for n in range(most, 0, -1) if size % n == 0)
    mesh = jax.make_mesh(
        *((count,), ("data",)),
        axis_types=(jax.sharding.AxisType.Auto,),
        devices=jax.devices()[:count],
    )
    split = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    alone = subject.update(subject.state, subject.batches[0])
    shared = jax.device_put(subject.batches[0], split)
    together = subject.update(jax.device_put(subject.state, whole), shared)
    _near(subject.state, alone, together, f"one device and {count}")


def _replicas(subject: _Subject) -> None:
    method = subject.make(subject.config, "data")
    shards = jax.tree.map(
        lambda a: a.reshape(2, a.shape[0] // 2, *a.shape[1:]), subject.batches[0]
    )
    # vmap with an axis name has the collectives of pmap, and needs one device only.
    step = jax.vmap(method.update, in_axes=(None, 0), axis_name="data")
    states, metrics = jax.jit(step)(subject.state, shards)
    first, second = (
        jax.tree.map(lambda a, i=i: a[i], (states, metrics)) for i in range(2)
    )
    _same(
        first, second, "two replicas after a step (optimiser.average(..., axis_name))"
    )


def _population(subject: _Subject) -> None:
    states = [subject.begin(seed) for seed in range(2)]
    stacked = jax.tree.map(lambda *a: jnp.stack(a), *states)
    batch = subject.batches[0]
    step = jax.jit(jax.vmap(subject.method.update, in_axes=(0, None)))
    together = step(stacked, batch)
    for i, state in enumerate(states):
        one = jax.tree.map(lambda a, i=i: a[i], together)
        _near(
            state,
            subject.update(state, batch),
            one,
            "a member trained alone and in a population",
        )
    _reads_the_state(subject)


def _reads_the_state(subject: _Subject) -> None:
    """Raises if a step depends on the hyperparameters of the config that made it."""

    def program(names: Sequence[str]) -> Any:
        """The step as text, and its constants, after changing these hyperparameters."""
        config = subject.config.copy_and_resolve_references()
        with config.ignore_type():
            config.hparams.update({n: _another(config.hparams[n]) for n in names})
        try:
            update = jax.jit(subject.make(config, None).update)
            found = update.trace(subject.state, subject.batches[0]).jaxpr
        except Exception:  # a value that the user's method refuses
            return None
        return str(found), [np.asarray(c).tolist() for c in found.consts]

    own, names = program(()), list(subject.config.hparams)
    if program(names) == own:
        return
    for name in names:
        if program([name]) not in (own, None):
            raise _Broken(
                f"update reads config.hparams.{name}, which is the same for all members; "
                f"expected state.hparams[{name!r}]."
            )


def _another(value: Any) -> Any:
    """A different number of the same type, near the given one."""
    if isinstance(value, int):
        return value + 1
    return 0.999 * value + 1e-6 if np.isfinite(value) else 1.0


def _lowering(subject: _Subject) -> None:
    batch = jax.eval_shape(
        *(subject.sampler.sample, subject.images, jax.random.key(0), jnp.int32(0)),
        subject.sampler.args,
    )
    state = jax.eval_shape(subject.method.init, jax.random.key(0), batch)
    # The bits of the key: a plain array, like all other arguments of the exported step.
    bits = jax.eval_shape(lambda: jax.random.key_data(jax.random.key(0)))

    def step(key_data: Array, state: State, batch: Batch) -> Any:
        state = state._replace(key=jax.random.wrap_key_data(key_data))
        state, metrics = subject.method.update(state, batch)
        return state._replace(key=jax.random.key_data(state.key)), metrics

    export.export(jax.jit(step), platforms=["tpu", "cuda"])(
        bits, state._replace(key=bits), batch
    )


def _codes(subject: _Subject) -> None:
    images, _ = subject.images.take(jnp.arange(5))
    codes = subject.method.encode(subject.state, {"image": images})
    if not isinstance(codes, Mapping) or subject.method.code not in codes:
        found = sorted(codes) if isinstance(codes, Mapping) else type(codes).__name__
        raise _Broken(f"encode returned {found}; `code` is {subject.method.code!r}.")
    points = {name: _vector(name, code) for name, code in codes.items()}
    if subject.method.decode is None:
        return
    decoded = subject.method.decode(subject.state, points)
    if decoded.shape != images.shape:
        raise _Broken(
            f"decode returned the shape {decoded.shape}; expected {images.shape}."
        )
    low, high = float(decoded.min()), float(decoded.max())
    if not 0 <= low <= high <= 1:
        raise _Broken(f"decoded images are between {low} and {high}; expected [0, 1].")


def _vector(name: str, code: Code) -> Array:
    vector = point(code)
    if vector.ndim != 2 or len(vector) != 5 or not np.isfinite(vector).all():
        raise _Broken(
            f"the code {name!r} of 5 images has the shape {vector.shape}"
            f"{'' if np.isfinite(vector).all() else ' and is not finite'}; expected "
            "finite numbers, (5, latent)."
        )
    return vector


CONTRACT: dict[str, Callable[[_Subject], None]] = {
    "step": _step,
    "resume": _resume,
    "devices": _devices,
    "replicas": _replicas,
    "population": _population,
    "lowering": _lowering,
    "codes": _codes,
}


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _bits(leaf: Any) -> np.ndarray:
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _written_and_read(leaf: Any) -> Any:
    if _is_key(leaf):
        return jax.random.wrap_key_data(jnp.asarray(_bits(leaf)))
    return jnp.asarray(_bits(leaf))


def _same(a: Any, b: Any, what: str) -> None:
    """Raises unless two trees are equal bit for bit."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(a)
    for (path, one), other in zip(leaves, jax.tree.leaves(b), strict=True):
        if not np.array_equal(_bits(one), _bits(other), equal_nan=True):
            name = jax.tree_util.keystr(path)
            raise _Broken(f"{what} differ{' in ' + name if name else ''}.")


def _equal(a: Any, b: Any) -> bool:
    """Whether two trees are equal bit for bit."""
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all(np.array_equal(_bits(one), _bits(other)) for one, other in pairs)


def _near(start: State, a: Any, b: Any, what: str) -> None:
    """Raises unless two steps from one state differ only by rounding."""
    for name, one, other in zip(a[1]._fields, a[1], b[1], strict=True):
        if not np.isclose(one, other, rtol=_METRIC, atol=_METRIC):
            raise _Broken(f"{what} differ: {name} is {float(one)} and {float(other)}.")
    paths, _ = jax.tree_util.tree_flatten_with_path(start.params)
    found = zip(paths, *(jax.tree.leaves(s.params) for s, _ in (a, b)), strict=True)
    for (path, old), one, other in found:
        # Compares means over a parameter: where a gradient is a rounding error, Adam
        # still makes a full step, of either sign.
        moved = np.abs(np.asarray(one) - np.asarray(old)).mean()
        apart = np.abs(np.asarray(one) - np.asarray(other)).mean()
        if apart > _MOVED * moved + 1e-7:
            raise _Broken(
                f"{what} differ in params{jax.tree_util.keystr(path)} by {apart:.2g} on "
                f"average, of a step of {moved:.2g}."
            )
