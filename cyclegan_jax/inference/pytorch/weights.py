"""Conversion of weights between published PyTorch networks and ours.

All kernels change their axes in the same way. That of an ordinary convolution is [out, in, k, k] in
PyTorch and [k, k, in, out] here. That of a transposed one is [in, out, k, k] and [k, k, out, in],
the kernel of the strided convolution that it transposes; see ops/convolutions.py. That of a dense
layer is [out, in] and [in, out].
"""

from collections.abc import Iterator, Mapping
import dataclasses
import functools
from typing import Any, NamedTuple

from flax import traverse_util
import jax
import numpy as np

from cyclegan_jax.data.source import make_domains
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference.pytorch import layouts
from cyclegan_jax.inference.pytorch.layouts import Path
from cyclegan_jax.models import networks
from cyclegan_jax.settings import as_flag, Config, differences

# The axes of an array by their number: ours = theirs.transpose(_TO_OURS[n]).
_TO_OURS = {1: (0,), 2: (1, 0), 4: (2, 3, 1, 0)}
_TO_THEIRS = {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}
# PyTorch's names of a layer's arrays, and ours. A layer has those that our tree has.
_ARRAYS = (
  ('weight', 'params', 'kernel'),
  ('weight', 'params', 'scale'),
  ('bias', 'params', 'bias'),
  ('running_mean', 'batch_stats', 'mean'),
  ('running_var', 'batch_stats', 'var'),
)
# The fixed filters of antialiased networks.
_FILTER = '.filt'


class Pair(NamedTuple):
  """The key and the shape of an array in the state_dict, and its path in our trees.

  The path begins with 'params' or 'batch_stats'.
  """

  key: str
  path: Path
  shape: tuple[int, ...]


def pairs(config: Config, name: str) -> list[Pair]:
  """Returns all arrays of a network, in the order of the state_dict's layers.

  Raises:
    UserError: no published network has this form.
  """
  model = config.model
  if config.data.normalization not in ('plain', 'emsn'):
    raise UserError(
      f'--normalization={config.data.normalization}: the published PyTorch networks need '
      '--normalization=plain.'
    )
  leaves = _leaves(config)[name]
  if name in networks.generators(model):
    known = ('transposed', 'bilinear') if model.generator == 'resnet' else ('transposed',)
    if model.upsampling not in known:
      raise UserError(
        f'--upsampling={model.upsampling}: the published PyTorch networks of --generator='
        f'{model.generator} have --upsampling={" or ".join(known)}.'
      )
    layers = layouts.GENERATORS[model.generator](model)
  elif name in networks.projections(model):
    layers = layouts.projection(len({path[2] for path in leaves}))
  else:
    layers = layouts.DISCRIMINATORS[model.discriminator](model)
  return [
    Pair(f'{key}.{theirs}', path, leaves[path].shape)
    for key, layer in layers
    for theirs, tree, ours in _ARRAYS
    if (path := (tree, *layer, ours)) in leaves
  ]


def from_torch(
  config: Config, name: str, arrays: Mapping[str, np.ndarray], source: str
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Converts the arrays of a state_dict to the parameters and batch statistics of a network.

  Counts of batches, and running statistics of instance norms, which some published checkpoints
  carry without using them, are ignored; so are the fixed filters of antialiased networks.

  Args:
    config: the run.
    name: of the network, see models/networks.py.
    arrays: by key of the state_dict, floating-point.
    source: the file, for messages.

  Returns:
    One network's entries of `networks.initialize`, float32.

  Raises:
    UserError: arrays are missing, unexpected, of another shape or not finite. The message says
      which settings would fit.
  """
  wanted = pairs(config, name)
  problems = _problems(wanted, arrays, config)
  if problems:
    more = f' (and {len(problems) - 1} more)' if len(problems) > 1 else ''
    raise UserError(
      f'{source} does not fit the network {name}: {problems[0]}{more}. '
      + _advice(config, name, arrays)
    )
  leaves = {}
  for pair in wanted:
    array = np.asarray(arrays[pair.key], np.float32)
    if not np.isfinite(array).all():
      raise UserError(f'{source}: {pair.key} holds values that are not finite. Use another file.')
    leaves[pair.path] = array.transpose(_TO_OURS[array.ndim])
  trees = traverse_util.unflatten_dict(leaves)
  return trees['params'], trees.get('batch_stats', {})


def to_torch(
  config: Config, name: str, params: Any, batch_stats: Any = None
) -> dict[str, np.ndarray]:
  """Converts a network to a state_dict, the inverse of `from_torch`. The dtype is kept.

  `params` may also be a tree of the same structure, such as Adam's moments. `batch_stats` None
  leaves the batch statistics out.
  """
  leaves = traverse_util.flatten_dict({'params': params, 'batch_stats': batch_stats or {}})
  return {
    pair.key: _to_theirs(np.asarray(leaves[pair.path]))
    for pair in pairs(config, name)
    if pair.path in leaves
  }


@functools.cache
def _leaves(config: Config) -> dict[str, dict[Path, Any]]:
  """Returns each network's arrays by path, as shapes with the axes of PyTorch."""
  arrays = networks.abstract(config.model, make_domains(config.data))
  params, batch_stats = jax.eval_shape(lambda arrays: jax.tree.map(_to_theirs, arrays), arrays)
  return {
    name: traverse_util.flatten_dict({'params': params[name], 'batch_stats': batch_stats[name]})
    for name in params
  }


def _to_theirs(array: Any) -> Any:
  return array.transpose(_TO_THEIRS[array.ndim]) if array.ndim in _TO_THEIRS else array


def _problems(wanted: list[Pair], arrays: Mapping[str, np.ndarray], config: Config) -> list[str]:
  """Returns why arrays cannot be those of a network, a phrase for each reason."""
  running = () if config.model.norm == 'batch' else ('running_mean', 'running_var')
  unused = ('num_batches_tracked', _FILTER, *running)
  found = {key: tuple(array.shape) for key, array in arrays.items() if not key.endswith(unused)}
  expected = {pair.key: pair.shape for pair in wanted}
  problems = []
  for key in {**expected, **found}:
    if key not in found:
      problems.append(f'{key} is missing, expected with shape {expected[key]}')
    elif key not in expected:
      problems.append(f'{key} of shape {found[key]} is not expected')
    elif found[key] != expected[key]:
      problems.append(f'{key} has shape {found[key]}, expected {expected[key]}')
  return problems


def _advice(config: Config, name: str, arrays: Mapping[str, np.ndarray]) -> str:
  """Returns a sentence on the settings that make a file fit, if there are any."""
  for candidate in _candidates(config, name, arrays):
    if not _problems(pairs(candidate, name), arrays, candidate):
      changed = {key: new for key, (_, new) in differences(config, candidate).items()}
      own = {'rgb_channels': config.data.rgb_channels, 'ir_channels': config.data.ir_channels}
      if changed == dict(zip(own, reversed(own.values()))):
        return 'It fits the other direction: say which domain is RGB with --a_is.'
      flags = ' '.join(as_flag(key, value) for key, value in changed.items())
      return f'It fits with {flags}.'
  return 'No settings make it fit: it comes from another kind of network.'


def _candidates(config: Config, name: str, arrays: Mapping[str, np.ndarray]) -> Iterator[Config]:
  """Yields configurations that a file may come from, with sizes read off its kernels."""
  antialias = any(key.endswith(_FILTER) for key in arrays)
  kernels = {
    key: array.shape
    for key, array in arrays.items()
    if array.ndim == 4 and not key.endswith(_FILTER)
  }
  if len(kernels) < 2 or name in networks.projections(config.model):
    return
  has_scales = any(array.ndim == 1 and key.endswith('.weight') for key, array in arrays.items())
  norm = 'batch' if has_scales else 'instance'
  if name in networks.generators(config.model):
    found = _read_generator(name, kernels, antialias)
  else:
    found = _read_discriminator(config, name, kernels)
  for channels, settings in found:
    if set(channels.values()) <= {1, 3}:
      data = dataclasses.replace(config.data, **channels)
      model = dataclasses.replace(config.model, norm=norm, antialias=antialias, **settings)
      yield dataclasses.replace(config, data=data, model=model)


# Shapes by key; the data settings (channels) and the model settings of a network.
_Kernels = Mapping[str, tuple[int, ...]]
_Found = tuple[dict[str, Any], dict[str, Any]]


def _read_generator(name: str, kernels: _Kernels, antialias: bool) -> Iterator[_Found]:
  first, *_, last = kernels.values()
  in_blocks = sum('.conv_block.' in key or '.conv_layer' in key for key in kernels)
  levels = (len(kernels) - in_blocks) // 2
  source, target = (f'{domain}_channels' for domain in name.split('_to_'))
  residual = {'n_residual_blocks': in_blocks // 2, 'dropout': 0.0}
  # The last layer of a resnet is an ordinary convolution, on a level of its own.
  for generator, out_channels, depth, smallest, further in (
    ('udacity', last[1], levels, 1, residual),
    ('resnet', last[0], levels - 1, 1, residual),
    ('unet', last[1], levels, 3, {}),
  ):
    settings = {'generator': generator, 'base_width': first[0], 'n_downsampling': depth, **further}
    is_cut = antialias and generator == 'resnet'
    settings['upsampling'] = 'bilinear' if is_cut else 'transposed'
    if depth >= smallest:
      yield {source: first[1], target: out_channels}, settings


def _read_discriminator(config: Config, name: str, kernels: _Kernels) -> Iterator[_Found]:
  width, seen = next(iter(kernels.values()))[:2]
  condition = config.data.rgb_channels if config.model.method == 'pix2pix' else 0
  for discriminator, others in (('udacity', 1), ('patchgan', 2)):
    depth = len(kernels) - others
    settings = {'discriminator_width': width, 'discriminator_layers': depth}
    if depth >= 1:
      yield {f'{name}_channels': seen - condition}, {'discriminator': discriminator, **settings}
