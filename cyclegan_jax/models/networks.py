"""The networks of a run as pure functions of plain pytrees."""

from collections.abc import Callable, Mapping
import dataclasses
from typing import Any

from flax import nnx
import jax
import jax.numpy as jnp

from cyclegan_jax.data.source import Domain
from cyclegan_jax.models.discriminators import DISCRIMINATORS
from cyclegan_jax.models.generators import GENERATORS
from cyclegan_jax.settings import ModelConfig

# The generators and the discriminators of each method.
_NAMES = {
  'cyclegan': (('rgb_to_ir', 'ir_to_rgb'), ('rgb', 'ir')),
  'pix2pix': (('rgb_to_ir',), ('ir',)),
}


@dataclasses.dataclass(frozen=True)
class Network:
  """The static half of a Flax NNX module; the arrays are given at each call.

  Attributes:
    graph: The module's graph definition.
    constants: Values of constant channels that the module sees after those of its input.
  """

  graph: nnx.GraphDef
  constants: tuple[float, ...] = ()

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
      params: Trainable arrays, nested dicts.
      batch_stats: Running batch statistics, nested dicts; empty without batch norm.
      x: Images, float32 [batch, height, width, channels] in [-1, 1].
      training: Use the batch's own statistics and update the running ones; otherwise use the
        running ones.
      keys: One random key for each image, for a generator's dropout. Without keys there is none.

    Returns:
      The output and the new batch statistics.
    """
    module = self.module(params, batch_stats)
    module.train() if training else module.eval()
    y = self.apply(module, x, keys)
    return y, nnx.to_pure_dict(nnx.state(module, nnx.BatchStat))

  def module(self, params: Any, batch_stats: Any) -> Any:
    """Returns the module with its arrays; each call makes a new one."""
    return nnx.merge(self.graph, params, batch_stats, copy=True)

  def apply(self, module: Any, x: jax.Array, keys: jax.Array | None = None) -> jax.Array:
    """Applies what `module` returned; for x and keys see `__call__`."""
    if self.constants:
      constants = jnp.broadcast_to(
        jnp.asarray(self.constants, x.dtype), (*x.shape[:-1], len(self.constants))
      )
      x = jnp.concatenate([x, constants], axis=-1)
    return module(x) if keys is None else module(x, keys)


def generators(config: ModelConfig) -> tuple[str, ...]:
  """Returns the names of the generators: `rgb_to_ir` and, for CycleGAN, `ir_to_rgb`."""
  return _NAMES[config.method][0]


def discriminators(config: ModelConfig) -> tuple[str, ...]:
  """Returns the names of the discriminators, those of their domains: `ir`, for CycleGAN `rgb`.

  There are none with --discriminator=none, which --adversarial_weight=0 means.
  """
  return () if config.discriminator == 'none' else _NAMES[config.method][1]


def discriminator_channels(config: ModelConfig, domains: Mapping[str, Domain]) -> dict[str, int]:
  """Returns the channels of each discriminator's input by name.

  A discriminator sees images alone; pix2pix's sees the RGB image before the IR image.
  """
  condition = domains['rgb'].channels if config.method == 'pix2pix' else 0
  return {name: condition + domains[name].channels for name in discriminators(config)}


def build(config: ModelConfig, domains: Mapping[str, Domain]) -> dict[str, Network]:
  """Builds the networks of the method.

  Args:
    config: Their shape.
    domains: 'rgb' and 'ir': the channels of their images, and the wavelength channels that
      generators see. Discriminators get none: within one domain a constant says nothing.

  Returns:
    The networks by name.
  """
  return {
    name: Network(
      nnx.split(nnx.eval_shape(lambda make=make: make(nnx.Rngs(0))))[0],
      domains[name.split('_to_')[0]].wavelength_channels if '_to_' in name else (),
    )
    for name, make in _modules(config, domains).items()
  }


def initialize(
  config: ModelConfig, domains: Mapping[str, Domain], key: jax.Array
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Draws the initial arrays.

  Args:
    config: The networks' shape.
    domains: As for `build`.
    key: The random key.

  Returns:
    Parameters and batch statistics by network name, as nested dicts of float32.
  """
  params, batch_stats = {}, {}
  modules = _modules(config, domains)
  for (name, make), k in zip(modules.items(), jax.random.split(key, len(modules))):
    _, p, s = nnx.split(make(nnx.Rngs(k)), nnx.Param, nnx.BatchStat)
    params[name], batch_stats[name] = nnx.to_pure_dict(p), nnx.to_pure_dict(s)
  return params, batch_stats


def count_parameters(params: Any) -> int:
  """Returns the number of scalars in a pytree of parameters."""
  return sum(leaf.size for leaf in jax.tree.leaves(params))


def _modules(
  config: ModelConfig, domains: Mapping[str, Domain]
) -> dict[str, Callable[[nnx.Rngs], nnx.Module]]:
  """Functions that make each network's module, by name."""
  generator, modules = GENERATORS[config.generator], {}
  for name in generators(config):
    source, target = (domains[domain] for domain in name.split('_to_'))
    seen = source.channels + len(source.wavelength_channels)
    modules[name] = lambda rngs, a=seen, b=target.channels: generator(config, a, b, rngs)
  for name, seen in discriminator_channels(config, domains).items():
    modules[name] = lambda rngs, seen=seen: DISCRIMINATORS[config.discriminator](config, seen, rngs)
  return modules
