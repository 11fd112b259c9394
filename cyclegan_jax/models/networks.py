"""The four networks of a run as pure functions of plain pytrees."""

import dataclasses
from typing import Any

from flax import nnx
import jax

from cyclegan_jax.config import ModelConfig
from cyclegan_jax.models.discriminators import PatchDiscriminator
from cyclegan_jax.models.generators import ResidualGenerator

GENERATORS = ('rgb_to_ir', 'ir_to_rgb')
DISCRIMINATORS = ('rgb', 'ir')


@dataclasses.dataclass(frozen=True)
class Network:
  """The static half of a Flax NNX module; the arrays are given at each call."""
  graph: nnx.GraphDef

  def __call__(self, params: Any, batch_stats: Any, x: jax.Array, *,
               training: bool) -> tuple[jax.Array, Any]:
    """Applies the module.

    Args:
      params: trainable arrays, nested dicts.
      batch_stats: running batch statistics, nested dicts; empty without batch norm.
      x: images, float32 [batch, height, width, channels], network values.
      training: use the batch's own statistics and update the running ones; otherwise use the
        running ones.

    Returns:
      The output and the new batch statistics.
    """
    module = nnx.merge(self.graph, params, batch_stats, copy=True)
    module.train() if training else module.eval()
    y = module(x)
    return y, nnx.to_pure_dict(nnx.state(module, nnx.BatchStat))


def build(config: ModelConfig, rgb_channels: int, ir_channels: int) -> dict[str, Network]:
  """The networks by name: generators `rgb_to_ir`, `ir_to_rgb`; discriminators `rgb`, `ir`."""
  modules = _modules(config, rgb_channels, ir_channels)
  return {name: Network(nnx.split(nnx.eval_shape(lambda make=make: make(nnx.Rngs(0))))[0])
          for name, make in modules.items()}


def initialise(config: ModelConfig, rgb_channels: int, ir_channels: int,
               key: jax.Array) -> tuple[dict[str, Any], dict[str, Any]]:
  """Initial parameters and batch statistics by network name, as nested dicts of float32."""
  params, batch_stats = {}, {}
  modules = _modules(config, rgb_channels, ir_channels)
  for (name, make), k in zip(modules.items(), jax.random.split(key, len(modules))):
    _, p, s = nnx.split(make(nnx.Rngs(k)), nnx.Param, nnx.BatchStat)
    params[name], batch_stats[name] = nnx.to_pure_dict(p), nnx.to_pure_dict(s)
  return params, batch_stats


def count_parameters(params: Any) -> int:
  """The number of scalars in a pytree of parameters."""
  return sum(leaf.size for leaf in jax.tree.leaves(params))


def _modules(config: ModelConfig, rgb_channels: int, ir_channels: int) -> dict[str, Any]:
  return {
      'rgb_to_ir': lambda rngs: ResidualGenerator(config, rgb_channels, ir_channels, rngs),
      'ir_to_rgb': lambda rngs: ResidualGenerator(config, ir_channels, rgb_channels, rngs),
      'rgb': lambda rngs: PatchDiscriminator(config, rgb_channels, rngs),
      'ir': lambda rngs: PatchDiscriminator(config, ir_channels, rngs),
  }
