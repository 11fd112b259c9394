"""Which networks a run has, and their initial arrays."""

from collections.abc import Callable, Mapping
import dataclasses
import functools
from typing import Any

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np

from cyclegan_jax.data.source import Domain, ends
from cyclegan_jax.models import kinds
from cyclegan_jax.models.discriminators import DISCRIMINATORS
from cyclegan_jax.models.initializers import Draws
from cyclegan_jax.models.layered import LayeredGenerator
from cyclegan_jax.models.network import Network
from cyclegan_jax.models.projection import PatchProjection
from cyclegan_jax.models.style_encoder import style_size
from cyclegan_jax.models.two_stage import BASE, TwoStageGenerator
from cyclegan_jax.settings import ModelConfig

# The generators and the discriminators of the methods that learn more than one direction.
_NAMES = {
  'cyclegan': (('rgb_to_ir', 'ir_to_rgb'), ('rgb', 'ir')),
  # It also makes RGB images, in training.
  'exemplar': (('rgb_to_ir',), ('rgb', 'ir')),
}
# The side of an image that every encoder can take, over its total stride.
_ENCODED = 4


def generators(config: ModelConfig) -> tuple[str, ...]:
  """Returns the names of the generators: --direction, for CycleGAN `rgb_to_ir` and `ir_to_rgb`."""
  return _names(config)[0]


def projections(config: ModelConfig) -> tuple[str, ...]:
  """Returns the names of the projection networks of PatchNCE, those of their generators' sources.

  There are none with --nce_weight=0.
  """
  names = tuple(projection(name) for name in generators(config))
  return names if config.projection_width else ()


def projection(generator: str) -> str:
  """Returns the name of the network that projects what the encoder of a generator makes."""
  return f'projection_{generator.split("_to_")[0]}'


def generator_group(config: ModelConfig) -> tuple[str, ...]:
  """Returns the names of all networks that are updated with the generators."""
  return generators(config) + projections(config)


def discriminators(config: ModelConfig) -> tuple[str, ...]:
  """Returns the names of the discriminators, those of the domains that generators make.

  Of two stages, the first has one, too: `base`. There are none with --discriminator=none, which
  --adversarial_weight=0 means.
  """
  if config.discriminator == 'none':
    return ()
  return (() if config.base == 'none' else (BASE,)) + _names(config)[1]


def names(config: ModelConfig) -> tuple[str, ...]:
  """Returns the names of all networks."""
  return generator_group(config) + discriminators(config)


def discriminator_channels(config: ModelConfig, domains: Mapping[str, Domain]) -> dict[str, int]:
  """Returns the channels of each discriminator's input by name.

  A discriminator sees images alone; pix2pix's sees the source image before the target's. Where
  images of its domain have a condition, it sees this, too, as the last channels. Of two stages, the
  discriminator of bases sees it, and that of IR images the base in its place.
  """
  before, found = domains[config.source].seen_channels if config.method == 'pix2pix' else 0, {}
  for name in discriminators(config):
    domain = domains[config.target if name == BASE else name]
    on_base = config.base != 'none' and name != BASE
    beside = domain.channels if on_base else len(_told(domain))
    found[name] = before + domain.channels + beside
  return found


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
    name: _network(config, domains, name, make) for name, make in _modules(config, domains).items()
  }


def initialize(
  config: ModelConfig, domains: Mapping[str, Domain], seed: int
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Draws the initial arrays.

  Args:
    config: The networks' shape.
    domains: As for `build`.
    seed: From 0 on; equal seeds give equal arrays.

  Returns:
    Parameters and batch statistics by network name, as nested dicts of NumPy's float32.
  """
  modules = _modules(config, domains)
  seeds = np.random.SeedSequence(seed).spawn(len(modules))
  return _arrays({name: make(Draws(own)) for (name, make), own in zip(modules.items(), seeds)})


def abstract(
  config: ModelConfig, domains: Mapping[str, Domain]
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Returns the shapes and dtypes of what `initialize` returns."""
  undrawn = {name: make(Draws(None)) for name, make in _modules(config, domains).items()}
  return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), _arrays(undrawn))


def _arrays(modules: Mapping[str, nnx.Module]) -> tuple[dict[str, Any], dict[str, Any]]:
  """The parameters and the batch statistics of modules."""
  params, batch_stats = {}, {}
  for name, module in modules.items():
    _, p, s = nnx.split(module, nnx.Param, nnx.BatchStat)
    params[name], batch_stats[name] = nnx.to_pure_dict(p), nnx.to_pure_dict(s)
  return params, batch_stats


def count_parameters(params: Any) -> int:
  """Returns the number of scalars in a pytree of parameters."""
  return sum(leaf.size for leaf in jax.tree.leaves(params))


def _names(config: ModelConfig) -> tuple[tuple[str, ...], tuple[str, ...]]:
  """The generators and the discriminators."""
  return _NAMES.get(config.method, ((config.direction,), (config.target,)))


def _network(
  config: ModelConfig,
  domains: Mapping[str, Domain],
  name: str,
  make: Callable[[nnx.Rngs], nnx.Module],
) -> Network:
  graph = nnx.split(make(Draws(None)))[0]
  if '_to_' not in name:
    return Network(graph, label_planes=_label_planes(domains))
  source, target = ends(domains, name)
  # A gray image is repeated to the channels of a color one.
  repeats = source.channels // target.channels
  return Network(
    graph,
    source.wavelength_channels,
    target.wavelength_channels * repeats,
    config.nce_pixels,
    _told(target),
    _label_planes(domains),
    style_size(config) if config.method == 'exemplar' else 0,
  )


def _told(domain: Domain) -> tuple[float, ...]:
  """What networks are told of an image of a domain of which nothing is known; () if nothing."""
  return domain.condition.default if domain.condition else ()


def _label_planes(domains: Mapping[str, Domain]) -> tuple[int, int] | None:
  """Where networks see the labels that the temperatures they are told are of; None if they do not.

  Discriminators see them at the same place, since the source image comes first.
  """
  inputs, told = domains['rgb'].inputs, domains['ir'].condition
  if not (inputs and 'labels' in inputs.kinds and told and told.needs_labels):
    return None
  return domains['rgb'].label_planes


def _modules(
  config: ModelConfig, domains: Mapping[str, Domain]
) -> dict[str, Callable[[nnx.Rngs], nnx.Module]]:
  """Functions that make each network's module, by name."""
  generator, modules = kinds.of_generators(config), {}
  if generator is TwoStageGenerator:
    generator = functools.partial(TwoStageGenerator, told=len(_told(domains['ir'])))
  elif generator is LayeredGenerator:
    generator = functools.partial(LayeredGenerator, planes=domains['rgb'].label_planes)
  for name in generators(config):
    source, target = ends(domains, name)
    seen = source.seen_channels + len(source.wavelength_channels) + len(_told(target))
    modules[name] = lambda rngs, a=seen, b=target.channels: generator(config, a, b, rngs)
  for name, seen in discriminator_channels(config, domains).items():
    modules[name] = lambda rngs, seen=seen: DISCRIMINATORS[config.discriminator](config, seen, rngs)
  for name, widths in _compared_widths(config, domains).items() if config.projection_width else ():
    modules[projection(name)] = lambda rngs, widths=widths: PatchProjection(config, widths, rngs)
  return modules


def _compared_widths(config: ModelConfig, domains: Mapping[str, Domain]) -> dict[str, list[int]]:
  """The channels of all that each generator's `encode` returns."""
  # Without another device to agree on statistics with.
  config = dataclasses.replace(config, projection_width=0, sync_batch_norm=False)
  nets, side = build(config, domains), _ENCODED * 2**config.n_downsampling
  params, stats = abstract(config, domains)
  widths = {}
  for name in generators(config):
    shape = (1, side, side, domains[name.split('_to_')[0]].channels)
    features = jax.eval_shape(
      nets[name].encode, params[name], stats[name], jax.ShapeDtypeStruct(shape, jnp.float32)
    )
    widths[name] = [feature.shape[-1] for feature in features]
  return widths
