"""SDIM: shared codes of two views, by maximising information across the views."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from dis_jax.methods import pair_information as pairs
from dis_jax.methods.method import Batch, Code, Method, Metrics, State

_CODES = ("shared_x", "shared_y")


def sdim(config: Any, axis_name: str | None = None) -> Method:
    """SDIM: codes that maximise the information about the other view.

    Maximises the information between the feature map of x and the code of y, and vice
    versa, and reduces the distance between the codes. Minimises

      -alpha (G(M_x, S_y) + G(M_y, S_x)) - beta (L(M_x, S_y) + L(M_y, S_x))
        + gamma mean |S_x - S_y|,

    with G the estimate from whole maps and L the mean of the estimates at each position.
    Heads that predict attributes from the codes are trained alongside; none of their
    gradients reaches an encoder.

    Eq.: Sanchez et al. 2020, section 3.2

    Args:
      config: `network` with `shared` (size of the code), `widths`, `statistics` (hidden
        widths) and `grid`, see `networks.GlobalStatistics`; `pairs`, the sampler of
        the views; `switched`, whether maps are scored with the other view's code
        (False is the paper's ablation); `share_weights`, whether both views have the
        same networks; `estimator`, a bound in `losses`; `negatives`, "roll" or
        "permute"; `heads`, the attributes predicted from each code, described in
        `attributes`;
        `batch_statistics`, whether `encode` normalises by its own batch; `optimiser`,
        `precision`, and `hparams` with `alpha`, `beta`, `gamma`, `learning_rate`,
        `head_learning_rate` and `clip_norm` (of encoders and statistics networks).
      axis_name: the mapped axis over which gradients, batch statistics and metrics are
        averaged; each replica estimates information within its share of the batch.

    Returns:
      The method; its codes are `shared_x` and `shared_y`, and the logits of each head
      under the name of code and attribute, such as `shared_x_digit`.

    Raises:
      ValueError: if a field has an unknown value.
    """
    pairs.check(config)
    modules = pairs.make_modules({"shared": config.network.shared}, config)
    heads = pairs.make_heads(config, _CODES)
    optimisers = pairs.Optimisers(
        {"encoders": tuple(modules), "heads": tuple(head.name for head in heads)},
        {"encoders": "learning_rate", "heads": "head_learning_rate"},
    )

    def init(key: Array, batch: Batch) -> State:
        init_key, run_key = jax.random.split(key)
        parts = _inputs(modules, heads, config, init_key, batch)
        every = {**modules, **{head.name: head.module for head in heads}}
        params, stats = pairs.init_networks(init_key, every, parts)
        return pairs.new_state(run_key, params, stats, optimisers, config)

    def loss(
        params: Any, stats: Any, key: Array, batch: Batch, hparams: Any
    ) -> tuple[Array, tuple[Any, Metrics]]:
        stats = dict(stats)
        x, y = pairs.encode_views(
            "shared", modules, params, stats, batch, config, train=True
        ).values()
        # Switched, the map of x is scored with the code of y: a code can predict the
        # other view only from what both share.
        s_x, s_y = (y[1], x[1]) if config.switched else (x[1], y[1])
        critic_inputs = {"x": (x[0], s_x), "y": (y[0], s_y)}
        of_maps, of_positions = pairs.global_and_local(
            modules, params, critic_inputs, config, pairs.negatives(config, key)
        )
        distance = jnp.abs(x[1] - y[1]).mean()
        total = -hparams["alpha"] * of_maps - hparams["beta"] * of_positions
        total += hparams["gamma"] * distance
        codes = {"shared_x": x[1], "shared_y": y[1]}
        head_loss, accuracies = pairs.read_heads(heads, params, stats, codes, batch)
        terms = {
            "loss": total,
            "global_information": of_maps,
            "local_information": of_positions,
            "distance": distance,
            "head_loss": head_loss,
            **accuracies,
        }
        # Heads receive stopped codes: the two losses share a backward pass, not networks.
        return total + head_loss, (stats, pairs.make_metrics(terms))

    def encode(state: State, batch: Batch) -> dict[str, Code]:
        return pairs.encode_image(
            ("shared",), modules, heads, config, state, batch["image"]
        )

    update = pairs.make_update(optimisers, loss, config, axis_name)
    return Method(config.pairs, init, update, encode, None, code="shared_x")


def _inputs(
    modules: Any, heads: Any, config: Any, key: Array, batch: Batch
) -> dict[str, tuple[Any, ...]]:
    """An input of each network, of the right shape; its values do not matter."""
    inputs: dict[str, tuple[Any, ...]] = {}
    codes: dict[str, Array] = {}
    for side, name in pairs.names("shared", config).items():
        inputs[name] = (batch[side], True)
        encoded, _ = modules[name].init_with_output(key, *inputs[name])
        codes[f"shared_{side}"] = encoded[1]
        for role in ("local", "global"):
            inputs[pairs.names(role, config)[side]] = encoded
    return inputs | {head.name: (codes[head.code], True) for head in heads}
