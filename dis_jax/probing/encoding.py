"""Encodes images into an array of codes, by a trained method or any function."""

from __future__ import annotations

import copy
import difflib
import functools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from dis_jax import compiler
from dis_jax.data.image_set import ImageSet, factors_of_index, index_of_factors
from dis_jax.progress import progress_bar

if TYPE_CHECKING:
    from dis_jax.methods.method import Code, Method, State

Encode = Callable[[Any], Any]
# Batches in flight: enough to keep a device busy, few enough to fit in its memory.
_SYNC_EVERY = 16
_TOLERANCE = 1e-2  # an image may leave [0, 1] by this much: interpolation overshoots


class FactorGrid(Protocol):
    """A set with an image for every combination of factors.

    Attributes:
      sizes: the number of values of each factor.
    """

    @property
    def sizes(self) -> Sequence[int]: ...

    def images(self, factors: Any, /) -> Any:
        """One image per row of factors (batch, factor)."""
        ...


def code_fn(
    method: Method, state: State, code: str | None = None
) -> Callable[[Array], Float[Array, "batch latent"]]:
    """The function from images to codes that the metrics need.

    Args:
      method: as `METHODS[name](config)` or `training.restore` returns it.
      state: its trained state.
      code: the name of one of its codes; the method's own default if None.

    Returns:
      `encode(images) -> (batch, latent)`, compiled: the mean of a Gaussian code, the
      probabilities of a categorical one.

    Raises:
      ValueError: if the state is that of a population. `encode` raises it if the method has
        no code of that name, if the code is not a matrix, or if images are not floats or
        not of the shape that the method was trained on. Its first call also raises it if
        values are not in [0, 1]; later calls do not wait for the values.

    Example:
      >>> import jax.numpy as jnp
      >>> from dis_jax import evaluation
      >>> from dis_jax.methods.method import Method
      >>> halve = lambda state, batch: {"z": batch["image"] / 2}
      >>> method = Method("images", None, None, halve, None, code="z")
      >>> encode = evaluation.code_fn(method, state=None)
      >>> print(encode(jnp.ones((1, 3))))
      [[0.5 0.5 0.5]]
    """
    _check_single(state)
    seen = False

    def encode(images: Any) -> Array:
        nonlocal seen
        images = _checked(images, method, values=not seen)
        # Compiled once per method, for all of its states.
        program = _ENCODERS[method.by_parts]
        codes = program(method.encode, code or method.code, state, images)
        seen = True
        return codes

    return encode


def _encode(encode: Callable, name: str, state: State, images: Array) -> Array:
    codes = encode(state, {"image": images})
    if name not in codes:
        near = difflib.get_close_matches(name, codes, n=1)
        raise ValueError(
            f"code must be one of {sorted(codes)}, found {name!r}"
            + (f"; did you mean {near[0]!r}?" if near else ".")
        )
    from dis_jax.methods.method import point

    out = point(codes[name])
    if out.ndim != 2:
        raise ValueError(
            f"code {name!r} must be a matrix (batch, latent), found {out.shape}."
        )
    return out


_ENCODERS = {
    by_parts: compiler.compiled(_encode, (0, 1), by_parts=by_parts)
    for by_parts in (False, True)
}


def _checked(images: Any, method: Method, *, values: bool) -> Any:
    """Images as an array; refuses images that would be encoded wrongly without an error.

    A dense encoder accepts channels in any order, a convolution accepts images of other
    sizes, and both accept bytes, which are 255 times too bright.
    """
    if not isinstance(images, jax.Array):
        images = np.asarray(images)
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(
            f"images have dtype {images.dtype}; expected floats in [0, 1] (divide bytes by "
            "255)."
        )
    if method.image_shape and images.shape[1:] != method.image_shape:
        wanted = ", ".join(map(str, method.image_shape))
        raise ValueError(
            f"images have shape {images.shape}; expected (batch, {wanted}): a batch of "
            "the images that the model was trained on, channels last."
        )
    if values and images.size and not isinstance(images, jax.core.Tracer):
        low, high = float(images.min()), float(images.max())
        within = low >= -_TOLERANCE and high <= 1 + _TOLERANCE  # false for nan
        if not within:
            raise ValueError(
                f"images are between {low:.4g} and {high:.4g}; expected [0, 1]: scale them "
                "as the images that the model was trained on."
            )
    return images


def _check_single(state: State) -> None:
    step = getattr(state, "step", None)
    if step is not None and jnp.ndim(step):
        raise ValueError(
            f"state is a population of {len(step)} models; pass one member: "
            "training.member(state, 0)."
        )


def encode_codes(method: Method, state: State, images: Any) -> dict[str, Code]:
    """All codes that a method computes from images, as NumPy arrays, batch by batch.

    Args:
      method: as `METHODS[name](config)` or `training.restore` returns it.
      state: its trained state.
      images: (batch, height, width, channels).

    Returns:
      The codes by name; a Gaussian keeps its log-variance.

    Raises:
      ValueError: if the state is that of a population, if images are not floats in [0, 1]
        of the shape that the method was trained on, or if a code has a value that is not
        finite.

    Example:
      >>> import jax.numpy as jnp
      >>> from dis_jax import evaluation
      >>> from dis_jax.methods import Gaussian, Method
      >>> encode = lambda state, batch: {"z": Gaussian(batch["image"], batch["image"])}
      >>> method = Method("images", None, None, encode, None, code="z")
      >>> evaluation.encode_codes(method, None, jnp.ones((2, 3)))["z"].logvar.shape
      (2, 3)
    """
    _check_single(state)
    images = jnp.asarray(_checked(images, method, values=True))

    def codes(state: State, images: Array) -> dict[str, Code]:
        return method.encode(state, {"image": images})

    # `encode_all` handles one matrix: all codes are flattened and concatenated into it,
    # and separated again below.
    shapes = jax.eval_shape(codes, state, images[:1])
    leaves, structure = jax.tree.flatten(shapes)
    program = compiler.compiled(
        lambda state, batch: jnp.concatenate(
            [
                leaf.reshape(len(batch), -1)
                for leaf in jax.tree.leaves(codes(state, batch))
            ],
            axis=1,
        ),
        by_parts=method.by_parts,
    )
    flat = encode_all(lambda batch: program(state, batch), images)
    flat = np.asarray(flat, np.float32)
    ends = np.cumsum([math.prod(leaf.shape[1:]) for leaf in leaves])
    # Split before each but the first leaf, then restore the shapes of the leaves.
    parts = [
        part.reshape(len(images), *leaf.shape[1:])
        for part, leaf in zip(np.split(flat, ends[:-1], axis=1), leaves, strict=True)
    ]
    return jax.tree.unflatten(structure, parts)


def encode_all(
    encode: Encode,
    inputs: Any,
    images: Callable[[Array], Any] | None = None,
    *,
    batch_size: int | None = None,
) -> Float[Array, "batch latent"]:
    """The codes of any number of images, batch by batch in bounded memory.

    Every batch has the same shape, so that `encode` is compiled once. A progress bar
    appears if encoding takes more than a few seconds.

    Args:
      encode: a function from a batch of images to a (batch, latent) array of any kind
        that NumPy can read; each row must depend only on its own image.
      inputs: the images (batch, ...), or the values that `images` maps to images.
      images: for example `ImageSet.images`, if `inputs` are rows of factors.
      batch_size: images per call; by default the fastest for the backend: 64 on a CPU,
        because of the size of its caches, 1,024 elsewhere.

    Returns:
      Codes (batch, latent) on the device.

    Raises:
      ValueError: if `encode` does not return one row per image, or if a value is not
        finite.

    Example:
      >>> import jax.numpy as jnp
      >>> from dis_jax import evaluation
      >>> mean = lambda images: images.mean(axis=(1, 2))
      >>> evaluation.encode_all(mean, jnp.ones((100, 8, 8, 3))).shape
      (100, 3)
    """
    total = len(inputs)
    size = batch_size or (64 if jax.default_backend() == "cpu" else 1024)
    size = min(size, total)
    out = []
    with progress_bar(total=total, unit="image", delay=5) as progress:
        for start in range(0, total, size):
            # The last batch starts earlier, to keep its shape; rows that were already
            # encoded are dropped.
            first = min(start, total - size)
            batch = jnp.asarray(inputs[first : first + size])
            codes = jnp.asarray(encode(batch if images is None else images(batch)))
            if codes.ndim != 2 or len(codes) != size:
                raise ValueError(
                    f"encode must return (batch, latent) with batch = {size}, found "
                    f"{codes.shape}."
                )
            out.append(codes[start - first :])
            if len(out) % _SYNC_EVERY == 0:
                jax.block_until_ready(codes)
                progress.update(_SYNC_EVERY * size)
    # In NumPy: XLA takes minutes to compile a concatenation of thousands of batches.
    codes = np.concatenate(jax.device_get(out))
    finite = np.isfinite(codes).all(axis=1)
    if not finite.all():
        bad = int(np.argmin(finite))
        raise ValueError(
            f"encode must return finite codes, found {codes[bad]} for image {bad}."
        )
    return jnp.asarray(codes)


def factor_encoder(
    encode: Encode, data: FactorGrid, num_images: int
) -> Callable[[Int[Array, "batch factor"]], Float[Array, "batch latent"]]:
    """A function from factors to the codes of their images.

    A grid that has no more images than the caller needs is encoded once, and its codes
    are looked up.

    Args:
      encode: a function from a batch of images to codes.
      data: an image set that is a full grid of its factors.
      num_images: number of images that the caller needs.

    Returns:
      `codes(factors) -> (batch, latent)`.
    """
    sizes = tuple(int(size) for size in data.sizes)
    shared = data if isinstance(data, SharedGrid) else SharedGrid(data)
    if shared.codes is None and math.prod(sizes) > num_images:
        return lambda factors: encode_all(encode, factors, shared.images)
    if shared.codes is None:
        grid = factors_of_index(jnp.arange(math.prod(sizes)), sizes)
        shared.codes = encode_all(encode, grid, shared.images)
    codes = shared.codes
    return lambda factors: _rows(codes, index_of_factors(factors, sizes))


@functools.partial(jax.jit, static_argnums=(1, 2))
def sample_factors(
    key: Key[Array, ""], shape: tuple[int, ...], sizes: tuple[int, ...]
) -> Int[Array, "... factor"]:
    """Independent uniform factors of a grid, as an array of shape (*shape, factor)."""
    # Twice as fast as `randint`; the bias of the modulo is below size / 2^32.
    bits = jax.random.bits(key, (*shape, len(sizes)), jnp.uint32)
    return (bits % jnp.asarray(sizes, jnp.uint32)).astype(jnp.int32)


class SharedGrid:
    """A grid whose codes are computed once and shared by all metrics of an encoder.

    Attributes:
      sizes: the number of values of each factor.
      images: `images(factors)`, compiled if the set is an `ImageSet`.
      codes: (image, latent), or None until they are needed.
      factor_names: of each factor.
      image_set: the set itself, for its masks, or None if it is not an `ImageSet`.
    """

    def __init__(self, data: FactorGrid):
        self.image_set = data if isinstance(data, ImageSet) else None
        self.sizes = data.sizes
        numbered = tuple(f"factor_{k}" for k in range(len(data.sizes)))
        self.factor_names = getattr(data, "factor_names", None) or numbered
        self.images = (
            functools.partial(_of_factors, data)
            if isinstance(data, ImageSet)
            else data.images
        )
        self.codes: Array | None = None

    def permuted(self, rng: np.random.Generator, everything: bool) -> SharedGrid:
        """The grid with its codes and images in random order.

        A grid without computed codes is permuted only if `everything` is true.
        """
        other = copy.copy(self)
        sizes = tuple(int(size) for size in self.sizes)
        if self.codes is None and not everything:
            return other
        order = jnp.asarray(rng.permutation(math.prod(sizes)))
        if self.codes is not None:
            other.codes = self.codes[order]
        other.images = lambda factors: self.images(
            factors_of_index(order[index_of_factors(factors, sizes)], sizes)
        )
        return other


def images_at(
    data: ImageSet, index: Int[Array, " batch"]
) -> Float[Array, "batch height width channels"]:
    """The images of a set at given positions, by one program for all calls.

    Images in the host's memory are read outside of compiled programs: compiled programs
    stay in a cache as long as the process runs, and would keep the images in memory.

    Args:
      data: the set.
      index: positions.

    Returns:
      Images in [0, 1].
    """
    if data.read is None:
        return _take(data, index)
    return jnp.asarray(data.read(np.asarray(index)), jnp.float32) / 255


@jax.jit
def _rows(codes: Array, index: Array) -> Array:
    return codes[index]


def _of_factors(data: ImageSet, factors: Int[Array, "batch factor"]) -> Array:
    if data.read is None:
        return _render(data, factors)
    return images_at(data, data.position(factors))


@jax.jit
def _take(data: ImageSet, index: Array) -> Array:
    return data.take(index)[0]


_render = jax.jit(ImageSet.images)
