"""The networks of a run as pure functions of plain pytrees."""

from collections.abc import Mapping
import dataclasses
from typing import Any

from flax import nnx
import jax
import jax.numpy as jnp

from cyclegan_jax import normalization
from cyclegan_jax.models.discriminators import PatchDiscriminator
from cyclegan_jax.models.generators import GENERATORS
from cyclegan_jax.settings import ModelConfig

# Which generators and discriminators a method has.
_NAMES = {
  'cyclegan': (('rgb_to_ir', 'ir_to_rgb'), ('rgb', 'ir')),
  'pix2pix': (('rgb_to_ir',), ('ir',)),
}


@dataclasses.dataclass(frozen=True)
class Network:
  """The static half of a Flax NNX module; the arrays are given at each call.

  Attributes:
    graph: the module's.
    constants: values of constant channels that the module sees after those of its input.
    interval: what the output, from -1 to 1, is spread onto; only generators' is not [-1, 1].
  """

  graph: nnx.GraphDef
  constants: tuple[float, ...] = ()
  interval: normalization.Interval = normalization.Interval()

  def __call__(
    self,
    params: Any,
    batch_stats: Any,
    x: jax.Array,
    *,
    training: bool,
    keys: jax.Array | None = None,
  ) -> tuple[jax.Array, Any]:
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
    module = self.module(params, batch_stats)
    module.train() if training else module.eval()
    y = self.apply(module, x, keys)
    return y, nnx.to_pure_dict(nnx.state(module, nnx.BatchStat))

  def module(self, params: Any, batch_stats: Any) -> nnx.Module:
    """The module with its arrays, of this call's own."""
    return nnx.merge(self.graph, params, batch_stats, copy=True)

  def apply(self, module: nnx.Module, x: jax.Array, keys: jax.Array | None = None) -> jax.Array:
    """The output of what `module` returned; for x and keys see `__call__`."""
    if self.constants:
      constants = jnp.broadcast_to(
        jnp.asarray(self.constants, x.dtype), (*x.shape[:-1], len(self.constants))
      )
      x = jnp.concatenate([x, constants], axis=-1)
    return self.interval.spread(module(x) if keys is None else module(x, keys))


def generators(config: ModelConfig) -> tuple[str, ...]:
  """Names of the generators: `rgb_to_ir` and, for CycleGAN, `ir_to_rgb`."""
  return _NAMES[config.method][0]


def discriminators(config: ModelConfig) -> tuple[str, ...]:
  """Names of the discriminators, after the domains they judge: `ir` and, for CycleGAN, `rgb`."""
  return _NAMES[config.method][1]


def discriminator_channels(
  config: ModelConfig, rgb_channels: int, ir_channels: int
) -> dict[str, int]:
  """Channels of each discriminator's input: for pix2pix the RGB image before the judged one."""
  channels = {'rgb': rgb_channels, 'ir': ir_channels}
  condition = rgb_channels if config.method == 'pix2pix' else 0
  return {name: condition + channels[name] for name in discriminators(config)}


def build(
  config: ModelConfig,
  rgb_channels: int,
  ir_channels: int,
  norms: Mapping[str, normalization.Normalization] = normalization.PLAIN,
) -> dict[str, Network]:
  """The networks of the method by name.

  Args:
    config: their shape.
    rgb_channels: of RGB images.
    ir_channels: of IR images.
    norms: by domain, what network values mean: the interval that a generator's images lie in, and
      the constant channels that generators see. Discriminators judge images alone: to one domain's
      judge a constant tells nothing.
  """
  modules = _modules(config, rgb_channels, ir_channels, norms)
  nets = {
    name: Network(nnx.split(nnx.eval_shape(lambda make=make: make(nnx.Rngs(0))))[0])
    for name, make in modules.items()
  }
  for name in generators(config):
    source, target = name.split('_to_')
    nets[name] = dataclasses.replace(
      nets[name], constants=norms[source].constants, interval=norms[target].interval
    )
  return nets


def initialize(
  config: ModelConfig,
  rgb_channels: int,
  ir_channels: int,
  key: jax.Array,
  norms: Mapping[str, normalization.Normalization] = normalization.PLAIN,
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Initial parameters and batch statistics by network name, as nested dicts of float32."""
  params, batch_stats = {}, {}
  modules = _modules(config, rgb_channels, ir_channels, norms)
  for (name, make), k in zip(modules.items(), jax.random.split(key, len(modules))):
    _, p, s = nnx.split(make(nnx.Rngs(k)), nnx.Param, nnx.BatchStat)
    params[name], batch_stats[name] = nnx.to_pure_dict(p), nnx.to_pure_dict(s)
  return params, batch_stats


def count_parameters(params: Any) -> int:
  """The number of scalars in a pytree of parameters."""
  return sum(leaf.size for leaf in jax.tree.leaves(params))


def _modules(
  config: ModelConfig,
  rgb_channels: int,
  ir_channels: int,
  norms: Mapping[str, normalization.Normalization],
) -> dict[str, Any]:
  generator, channels = GENERATORS[config.generator], {'rgb': rgb_channels, 'ir': ir_channels}
  modules = {}
  for name in generators(config):
    source, target = name.split('_to_')
    seen = channels[source] + len(norms[source].constants)
    modules[name] = lambda rngs, a=seen, b=channels[target]: generator(config, a, b, rngs)
  for name, seen in discriminator_channels(config, rgb_channels, ir_channels).items():
    modules[name] = lambda rngs, seen=seen: PatchDiscriminator(config, seen, rngs)
  return modules
