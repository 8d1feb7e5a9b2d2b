"""Adapts `flax.nnx` networks to the `init` and `apply` that the methods use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
from jaxtyping import Array, Key

if TYPE_CHECKING:
    from flax import nnx


class FromNnx:
    """An nnx network with the `init` and `apply` of a linen one."""

    def __init__(self, make: Callable[[nnx.Rngs], Any]):
        """Wraps the network that a function makes.

        Args:
          make: `rngs -> module`, such as `lambda rngs: MyEncoder(10, rngs=rngs)`, whose
            variables are all `nnx.Param`.

        Raises:
          ValueError: if it does not make an nnx module, or one with other variables.

        Example:
          >>> import jax
          >>> from flax import nnx
          >>> from dis_jax import networks
          >>> layer = networks.FromNnx(lambda rngs: nnx.Linear(3, 2, rngs=rngs))
          >>> sorted(layer.init(jax.random.key(0), None)["params"])
          ['bias', 'kernel']
        """
        self._make = make
        from flax import nnx

        shapes = nnx.eval_shape(lambda: make(nnx.Rngs(0)))
        if not isinstance(shapes, nnx.Module):
            raise ValueError(
                f"{make!r} made a {type(shapes).__name__}; expected an nnx.Module."
            )
        self._graph, self._shapes, other = nnx.split(shapes, nnx.Param, ...)
        if found := sorted({type(v).__name__ for _, v in nnx.to_flat_state(other)}):
            raise ValueError(
                f"{type(shapes).__name__} has variables of the kinds {', '.join(found)}; "
                "expected nnx.Param only: no batch statistics, no random state."
            )

    def init(self, key: Key[Array, ""], inputs: Any) -> dict[str, Any]:
        """Parameters of a new network; ignores `inputs`: an nnx module fixes its shapes."""
        from flax import nnx

        del inputs
        _, params, _ = nnx.split(self._make(nnx.Rngs(key)), nnx.Param, ...)
        flat = {_dotted(path): v[...] for path, v in nnx.to_flat_state(params)}
        return {"params": flat}

    def apply(self, variables: dict[str, Any], *inputs: Any) -> Any:
        """Applies the network to inputs."""
        from flax import nnx

        paths = [_dotted(path) for path, _ in nnx.to_flat_state(self._shapes)]
        values = [variables["params"][path] for path in paths]
        params = jax.tree.unflatten(jax.tree.structure(self._shapes), values)
        return nnx.merge(self._graph, params)(*inputs)

    def init_with_output(self, key: Key[Array, ""], *inputs: Any) -> tuple[Any, Any]:
        """Output of the network with new parameters, and these parameters."""
        variables = self.init(key, inputs)
        return self.apply(variables, *inputs), variables


def _dotted(path: tuple[Any, ...]) -> str:
    return ".".join(map(str, path))
