"""Inputs of a report: a run, its trained state, and sample images with codes."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dis_jax import training
from dis_jax.data import ImageSet
from dis_jax.evaluation import encode_codes
from dis_jax.evaluation.records import FORMAT, read_record
from dis_jax.figures.curves import Curve, read_curves
from dis_jax.figures.latents import kl_per_dimension
from dis_jax.methods import Categorical, Code, Gaussian, Method, State, point
from dis_jax.probing.encoding import images_at
from dis_jax.probing.histogram_information import entropies, relabel

NUM_BASES = 5


class Subject(NamedTuple):
    """Data for the sections of the page.

    Attributes:
      workdir: the run's folder.
      method: the method.
      state: the trained state of one member.
      config: the run's settings, an `ml_collections.ConfigDict`.
      image_set: the images that it was trained on.
      test_set: the source of test pairs, for a method that learns from pairs, or None.
      member: which member of a population this is, or None for a single model.
      images: (sample, height, width, channels), sampled from the set.
      factors: (sample, factor), factors of these images.
      codes: codes of these images, by name.
      decode: {name: point} -> images as NumPy, or None if there is no decoder.
      curves: the run's log.
      evaluations: the scores of this state by file name.
      trained_with: versions and hardware of the training, from its checkpoint.
    """

    workdir: pathlib.Path
    method: Method
    state: State
    config: Any
    image_set: ImageSet
    test_set: ImageSet | None
    member: int | None
    images: np.ndarray
    factors: np.ndarray
    codes: Mapping[str, Code]
    decode: Callable[[Mapping[str, Any]], np.ndarray] | None
    curves: Mapping[str, Curve]
    evaluations: Mapping[str, Mapping[str, Any]]
    trained_with: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The method's name in the config."""
        return self.config.method

    @property
    def points(self) -> dict[str, np.ndarray]:
        """The vectors that represent the codes, by name."""
        return {name: np.asarray(point(code)) for name, code in self.codes.items()}

    @property
    def gaussians(self) -> dict[str, Gaussian]:
        """The codes that are Gaussians, by name."""
        return {n: c for n, c in self.codes.items() if isinstance(c, Gaussian)}

    @property
    def moved(self) -> dict[str, Gaussian]:
        """The codes of traversals, by name; a vector is a Gaussian without variance."""
        vectors = {
            name: Gaussian(jnp.asarray(code), jnp.full_like(code, -jnp.inf))
            for name, code in self.codes.items()
            if not isinstance(code, Gaussian | Categorical)
        }
        return self.gaussians | vectors

    def nats(self, name: str) -> np.ndarray:
        """Nats of each dimension of a code: KL of a Gaussian, entropy of a vector."""
        if name in self.gaussians:
            return kl_per_dimension(*self.gaussians[name])
        return entropies(relabel(self.points[name]))


def make_subject(
    workdir: pathlib.Path,
    method: Method,
    state: State,
    config: Any,
    image_set: ImageSet,
    *,
    test_set: ImageSet | None = None,
    member: int,
    num_examples: int,
) -> Subject:
    """Reads a run's log and scores, samples images, and encodes them.

    Raises:
      ValueError: if there is no such member, or too few examples to choose from.
    """
    members = state.step.shape[0] if jnp.ndim(state.step) else None
    if not 0 <= member < (members or 1):
        raise ValueError(
            f"member is {member}; this run has members 0..{(members or 1) - 1}."
        )
    if members is not None:
        state = training.member(state, member)
    count = min(num_examples, image_set.num_images)
    if count < NUM_BASES:
        raise ValueError(
            f"num_examples is {num_examples} of {image_set.num_images} images; a report "
            f"shows {NUM_BASES}."
        )
    images, factors = _draw(image_set, count)
    return Subject(
        workdir=workdir,
        method=method,
        state=state,
        config=config,
        image_set=image_set,
        test_set=test_set,
        member=member if members is not None else None,
        images=images,
        factors=factors,
        codes=encode_codes(method, state, images),
        decode=_decoder(method, state),
        curves=_curves_until(read_curves(workdir), int(state.step)),
        evaluations=read_evaluations(
            workdir, int(state.step), member if members else None
        ),
        trained_with=_trained_with(workdir, int(state.step)),
    )


def _curves_until(curves: Mapping[str, Curve], step: int) -> dict[str, Curve]:
    """Curves without what was logged after the state was saved."""
    counts = {name: int((curve.step <= step).sum()) for name, curve in curves.items()}
    return {
        name: Curve(curve.step[: counts[name]], curve.value[: counts[name]])
        for name, curve in curves.items()
        if counts[name]
    }


def read_evaluations(
    workdir: pathlib.Path, step: int, member: int | None
) -> dict[str, Any]:
    """The run's evaluations by file name, without other steps, members and data sets.

    Args:
      workdir: the run's folder.
      step: of the evaluated state.
      member: of the population, None for a single model.

    Raises:
      ValueError: if a file is damaged; the error names it.
    """
    found = {
        path.stem: read_record(path)
        for path in sorted((workdir / "evaluation").glob("*.json"))
    }
    return {
        name: evaluation
        for name, evaluation in found.items()
        if evaluation.get("format") == FORMAT
        and evaluation.get("source", {}).get("step") in (None, step)
        and evaluation.get("source", {}).get("member") in (None, member)
        and "dataset" not in evaluation.get("source", {})
    }


def _trained_with(workdir: pathlib.Path, step: int) -> dict[str, Any]:
    if not (workdir / "checkpoints").is_dir():
        return {}
    checkpoints = training.Checkpoints(workdir / "checkpoints")
    try:
        return checkpoints.facts(step) if step in checkpoints.steps() else {}
    finally:
        checkpoints.close()


def _decoder(method: Method, state: State) -> Callable[..., np.ndarray] | None:
    if method.decode is None:
        return None
    program = jax.jit(method.decode)
    return lambda points: np.asarray(program(state, points), np.float32)


def _draw(image_set: ImageSet, count: int) -> tuple[np.ndarray, np.ndarray]:
    index = image_set.choose(np.random.default_rng(0), count)
    at = jnp.asarray(index)
    return np.asarray(images_at(image_set, at)), np.asarray(image_set.factors(at))
