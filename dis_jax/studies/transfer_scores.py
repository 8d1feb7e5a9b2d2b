"""Scores of an encoder on an image set, and distances between two sets in its codes."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int, Key
from numpy.typing import ArrayLike

from dis_jax.data.image_set import ImageSet
from dis_jax.evaluation.digits import frechet_distance
from dis_jax.metrics.dci import dci
from dis_jax.metrics.mig import mig
from dis_jax.metrics.omes import Omes, omes
from dis_jax.metrics.omes_on_grid import omes_on_grid
from dis_jax.probing.checks import check_codes
from dis_jax.probing.encoding import Encode, encode_all, images_at
from dis_jax.probing.histogram_information import (
    histogram_bins,
    mutual_information_matrix,
    relabel,
)
from dis_jax.probing.labelled_codes import Samples, given_samples
from dis_jax.probing.mlp_classifier import mlp_accuracy
from dis_jax.probing.sklearn_models import majority_accuracy

Rows = dict[str, dict[str, float]]

ALL = "all"  # the column of the mean over factors
ALPHAS = tuple(round(0.1 * i, 1) for i in range(11))
READERS = ("gbt", "mlp")
TREES = ("lightgbm", "sklearn")

_MIN_STD = 0.05  # as in OMES: a dimension that varies less counts as constant


class Encoded(NamedTuple):
    """Codes of images drawn from a set, and their factors."""

    codes: Float[np.ndarray, "batch latent"]
    factors: Int[np.ndarray, "batch factor"]


def encode_sample(
    encode: Encode, image_set: ImageSet, key: Key[Any, ""], num_codes: int
) -> Encoded:
    """Codes and factors of `num_codes` images, or all; equal keys draw the same images."""
    # fold_in 0, 1, 2, 3: images, split, pairs, MLP, so none depends on the others.
    key = jax.random.fold_in(key, 0)
    if image_set.draw_fn is not None:
        index = image_set.draw(key, num_codes)
    else:
        index = jax.random.permutation(key, image_set.num_images)[:num_codes]
    codes = encode_all(encode, index, functools.partial(images_at, image_set))
    return Encoded(np.asarray(codes), np.asarray(image_set.factors(index)))


def source_scores(
    encode: Encode,
    image_set: ImageSet,
    key: Key[Any, ""],
    *,
    num_codes: int = 15_000,
    num_pairs: int = 2_000,
) -> dict[str, Any]:
    """OMES of an encoder on one set: part of the entries of `transfer_scores`, as JSON."""
    encoded = encode_sample(encode, image_set, key, num_codes)
    samples = _samples(encoded, image_set, key)
    _, omes_json = _omes(encode, image_set, samples, key, num_pairs)
    return _about(samples) | {"omes": omes_json}


def transfer_scores(
    encode: Encode,
    image_set: ImageSet,
    encoded: Encoded,
    key: Key[Any, ""],
    *,
    trees: str = "lightgbm",
    readers: Sequence[str] = READERS,
    num_pairs: int = 2_000,
) -> dict[str, Any]:
    """All scores of one encoder on one set, factor by factor, as JSON.

    A third of the codes is held out. "full" is the accuracy of a probe on all dimensions,
    "pruned" on the ONE dimension that OMES assigns to the factor (if OMES assigns
    none, the dimension with most mutual information).

    Eq.: Dapueto et al. 2024, methodology of transfer

    Args:
      encode: images -> codes (batch, latent).
      image_set: the set, for the pairs of OMES if it is a grid.
      encoded: a sample of it, see `encode_sample`.
      key: of split, pairs and the MLP; trees need none.
      trees: "lightgbm", or "sklearn", the original, which takes minutes per factor.
      readers: the probes, some of "gbt" and "mlp".
      num_pairs: of each factor, for OMES if the set is a grid.

    Returns:
      `factor_names`, `left_out` (factors without scores, and why), `trees`, `dims` (the
      one dimension of each factor), `chance`, `gbt` and `mlp` ({"full", "pruned"}:
      test accuracy of each factor), `dci` and `mig`, and `omes` with `score`,
      `overlap` and `multiple_encoding`, the last two also `..._per_factor`,
      `association` S (latent, factor), and `over_alpha`, the score for each of `ALPHAS`.

    Raises:
      ValueError: if an option is unknown, or no factor can be scored.

    Example:
      >>> from dis_jax import data
      >>> from dis_jax.studies.transfer_scores import encode_sample
      >>> rng = np.random.default_rng(0)
      >>> which = rng.integers(0, 3, 90)
      >>> dots = np.repeat(which / 2, 64).reshape(90, 8, 8)
      >>> set_ = data.from_arrays(dots, which, name="dots", factor_names=["which"])
      >>> encode = lambda images: images.mean(axis=(1, 2))
      >>> encoded = encode_sample(encode, set_, jax.random.key(0), 90)
      >>> found = transfer_scores(
      ...     encode, set_, encoded, jax.random.key(0), readers=["gbt"]
      ... )
      >>> found["gbt"]["full"]
      [1.0]
    """
    check_readers(readers, trees)
    samples = _samples(encoded, image_set, key)
    found, omes_json = _omes(encode, image_set, samples, key, num_pairs)
    dims = _best_dims(found, samples)
    split = samples[2:6]
    whole = dci(*split, trees=trees)
    information = mig(samples.codes, samples.factors)
    result = _about(samples) | {
        "trees": trees,
        "dims": dims.tolist(),
        "chance": _chance(samples).tolist(),
        "dci": {
            "disentanglement": whole.disentanglement,
            "completeness": whole.completeness,
        },
        "mig": {
            "score": information.score,
            "per_factor": information.per_factor.tolist(),
        },
        "omes": omes_json,
    }
    if "gbt" in readers:
        pruned = _pruned_trees(samples, dims, trees)
        result["gbt"] = {"full": whole.test_accuracy.tolist(), "pruned": pruned}
    if "mlp" in readers:
        seen = np.arange(samples.codes.shape[1]) == dims[:, None]
        mlp_key = jax.random.fold_in(key, 3)
        full, one = (mlp_accuracy(mlp_key, *split, seen=s) for s in (None, seen))
        result["mlp"] = {"full": full.tolist(), "pruned": one.tolist()}
    return result


def check_readers(readers: Sequence[str], trees: str) -> None:
    """Refuses unknown probes and trees."""
    unknown = [reader for reader in readers if reader not in READERS]
    if unknown or trees not in TREES:
        raise ValueError(
            f"readers are {tuple(readers)} and trees {trees!r}; expected some of "
            f"{READERS} and one of {TREES}."
        )


def transfer_distances(
    source_codes: ArrayLike,
    target_codes: ArrayLike,
    source_omes: Mapping[str, Any] | None,
    target_omes: Mapping[str, Any],
) -> dict[str, float | None]:
    """Distances between source and target in the codes of the source's encoder.

    Args:
      source_codes: of images of the source, (batch, latent).
      target_codes: of images of the target by the same encoder, (batch2, latent).
      source_omes: the entry `omes` of `source_scores`; None if the source has no labels.
      target_omes: that of `transfer_scores`, before fine-tuning.

    Returns:
      `frechet`: the Fréchet distance of the two sets of codes. `active_overlap`: of
      the dimensions that vary (standard deviation at least .05) on either set, the share
      that varies on both, 0 to 1; 0 if none varies. `omes_drop`: OMES on the source
      minus OMES on the target, None if one of them has no factor with pairs. Part of
      the drop is due to the sets: OMES of a perfect code depends on how many values
      factors have.

    Raises:
      ValueError: if codes are not finite or not of one width.

    Example:
      >>> import numpy as np
      >>> from dis_jax import studies
      >>> a = np.array([[0.0, 0.0], [2.0, 0.0]])
      >>> omes = {"score": 0.5, "scored": [True]}, {"score": 0.25, "scored": [True]}
      >>> studies.transfer_distances(a, a + 3.0, *omes)
      {'frechet': 18.0, 'active_overlap': 1.0, 'omes_drop': 0.25}
    """
    x = check_codes(source_codes, name="source_codes")
    y = check_codes(target_codes, name="target_codes")
    distance = frechet_distance(x, y)
    a, b = (codes.std(axis=0, ddof=1) >= _MIN_STD for codes in (x, y))
    either = int((a | b).sum())
    known = [
        omes for omes in (source_omes, target_omes) if omes and any(omes["scored"])
    ]
    drop = known[0]["score"] - known[1]["score"] if len(known) == 2 else None
    return {
        "frechet": distance,
        "active_overlap": float((a & b).sum() / either) if either else 0.0,
        "omes_drop": drop,
    }


def score_rows(scores: Mapping[str, Any]) -> Rows:
    """Scores as rows of a table, in [0, 1]: {row: {factor, or "all": value}}.

    Args:
      scores: of `transfer_scores` or `source_scores`.

    Returns:
      Accuracies of gradient boosted trees (GBT) and of an MLP, OMES (alpha = .5) with its
      parts OS and MES (none if no factor has pairs), MIG and DCI disentanglement.
      "all" is the mean over factors that have a score.

    Example:
      >>> from dis_jax import studies
      >>> omes = {"score": 0.5, "overlap": 0.75, "multiple_encoding": 0.25}
      >>> omes |= {"scored": [True], "overlap_per_factor": [0.75]}
      >>> omes |= {"multiple_encoding_per_factor": [0.25]}
      >>> studies.score_rows({"factor_names": ["size"], "omes": omes})["OMES"]
      {'size': 0.5, 'all': 0.5}
    """
    names, omes = scores["factor_names"], scores["omes"]
    rows: Rows = {}
    for reader in ("gbt", "mlp"):
        for kind in ("full", "pruned"):
            if reader in scores:
                values = scores[reader][kind]
                rows[f"{reader.upper()}, {kind}"] = _row(names, values, np.mean(values))
    parts = [omes[f"{n}_per_factor"] for n in ("overlap", "multiple_encoding")]
    for row, values, mean in (
        ("OMES", np.mean(parts, axis=0), omes["score"]),
        ("OS", parts[0], omes["overlap"]),
        ("MES", parts[1], omes["multiple_encoding"]),
    ):
        if not any(omes["scored"]):
            continue  # without pairs of any factor, 0 is not a score
        scored = zip(names, values, omes["scored"], strict=True)
        columns = {name: float(value) for name, value, known in scored if known}
        rows[row] = columns | {ALL: float(mean)}
    if "mig" in scores:
        rows["MIG"] = _row(names, scores["mig"]["per_factor"], scores["mig"]["score"])
        rows["DCI"] = {ALL: scores["dci"]["disentanglement"]}
    return rows


def _row(
    names: Sequence[str], values: Iterable[float], mean: float
) -> dict[str, float]:
    cells = zip(names, values, strict=True)
    return {n: float(v) for n, v in cells} | {ALL: float(mean)}


def _samples(encoded: Encoded, image_set: ImageSet, key: Any) -> Samples:
    return given_samples(
        *(encoded.codes, encoded.factors, jax.random.fold_in(key, 1), None, None),
        image_set.factor_names,
    )


def _about(samples: Samples) -> dict[str, Any]:
    return {
        "factor_names": list(samples.factor_names),
        "left_out": samples.left_out,
        "num_train": len(samples.train_codes),
        "num_test": len(samples.test_codes),
    }


def _omes(
    encode: Encode, image_set: ImageSet, samples: Samples, key: Any, num_pairs: int
) -> tuple[Omes, dict[str, Any]]:
    """OMES, of pairs drawn from the grid if there is one; also as JSON."""
    key = jax.random.fold_in(key, 2)
    on_grid = image_set.is_grid and not samples.left_out
    if on_grid:
        found = omes_on_grid(
            *(encode, image_set, key),
            num_pairs=num_pairs,
            num_codes=len(samples.test_codes),
        )
    else:
        found = omes(samples.codes, samples.factors, key)
    # Without enough pairs of any factor OMES is NaN, which JSON lacks: None instead.
    scored = bool(found.scored.any())
    overlap, multiple = found.overlap, found.multiple_encoding
    return found, {
        "score": found.score if scored else None,
        "overlap": overlap if scored else None,
        "multiple_encoding": multiple if scored else None,
        "over_alpha": [
            alpha * overlap + (1 - alpha) * multiple if scored else None
            for alpha in ALPHAS
        ],
        "overlap_per_factor": found.overlap_per_factor.tolist(),
        "multiple_encoding_per_factor": found.multiple_encoding_per_factor.tolist(),
        "association": found.association.tolist(),
        "kept": found.kept.tolist(),
        "scored": found.scored.tolist(),
        "num_pairs": found.num_pairs.tolist(),
        "pairs": "grid" if on_grid else "sample",
    }


def _best_dims(found: Omes, samples: Samples) -> Int[np.ndarray, " factor"]:
    bins = histogram_bins(samples.train_codes, 20)
    information = mutual_information_matrix(bins, relabel(samples.train_factors))
    # OMES gives -1 to a factor without pairs.
    return np.where(found.best_dim < 0, information.argmax(axis=0), found.best_dim)


def _chance(samples: Samples) -> Float[np.ndarray, " factor"]:
    """Test accuracy of always predicting the most frequent training value."""
    both = zip(samples.train_factors.T, samples.test_factors.T, strict=True)
    return np.array([majority_accuracy(train, test) for train, test in both])


def _pruned_trees(
    samples: Samples, dims: Int[np.ndarray, " factor"], trees: str
) -> list[float]:
    found = []
    for k, dim in enumerate(dims):
        one = dci(
            samples.train_codes[:, [dim]],
            samples.train_factors[:, [k]],
            samples.test_codes[:, [dim]],
            samples.test_factors[:, [k]],
            trees=trees,
        )
        found.append(float(one.test_accuracy[0]))
    return found
