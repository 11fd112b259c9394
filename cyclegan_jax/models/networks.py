"""The networks of a run as pure functions of plain pytrees."""

import dataclasses
from typing import Any

from flax import nnx
import jax

from cyclegan_jax.models.discriminators import PatchDiscriminator
from cyclegan_jax.models.generators import GENERATORS
from cyclegan_jax.settings import ModelConfig

# Which generators and discriminators a method has.
_NAMES = {'cyclegan': (('rgb_to_ir', 'ir_to_rgb'), ('rgb', 'ir')),
          'pix2pix': (('rgb_to_ir',), ('ir',))}


@dataclasses.dataclass(frozen=True)
class Network:
  """The static half of a Flax NNX module; the arrays are given at each call."""
  graph: nnx.GraphDef

  def __call__(self, params: Any, batch_stats: Any, x: jax.Array, *, training: bool,
               keys: jax.Array | None = None) -> tuple[jax.Array, Any]:
    """Applies the module.

    Args:
      params: trainable arrays, nested dicts.
      batch_stats: running batch statistics, nested dicts; empty without batch norm.
      x: images, float32 [batch, height, width, channels], network values.
      training: use the batch's own statistics and update the running ones; otherwise use the
        running ones.
      keys: one random key for each image, for a generator's dropout; without them there is none.

    Returns:
      The output and the new batch statistics.
    """
    module = nnx.merge(self.graph, params, batch_stats, copy=True)
    module.train() if training else module.eval()
    y = module(x) if keys is None else module(x, keys)
    return y, nnx.to_pure_dict(nnx.state(module, nnx.BatchStat))


def generators(config: ModelConfig) -> tuple[str, ...]:
  """Names of the generators: `rgb_to_ir` and, for CycleGAN, `ir_to_rgb`."""
  return _NAMES[config.method][0]


def discriminators(config: ModelConfig) -> tuple[str, ...]:
  """Names of the discriminators, after the domains they judge: `ir` and, for CycleGAN, `rgb`."""
  return _NAMES[config.method][1]


def judged_channels(config: ModelConfig, rgb_channels: int, ir_channels: int) -> dict[str, int]:
  """Channels of each discriminator's input: for pix2pix the RGB image before the judged one."""
  channels = {'rgb': rgb_channels, 'ir': ir_channels}
  condition = rgb_channels if config.method == 'pix2pix' else 0
  return {name: condition + channels[name] for name in discriminators(config)}


def build(config: ModelConfig, rgb_channels: int, ir_channels: int) -> dict[str, Network]:
  """The networks of the method by name."""
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
  generator, channels = GENERATORS[config.generator], {'rgb': rgb_channels, 'ir': ir_channels}
  modules = {}
  for name in generators(config):
    source, target = (channels[domain] for domain in name.split('_to_'))
    modules[name] = lambda rngs, a=source, b=target: generator(config, a, b, rngs)
  for name, seen in judged_channels(config, rgb_channels, ir_channels).items():
    modules[name] = lambda rngs, seen=seen: PatchDiscriminator(config, seen, rngs)
  return modules
