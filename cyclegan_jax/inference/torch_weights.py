"""Weights of the published PyTorch networks as ours, and back.

Three layouts of a state_dict, by the names of its arrays:
  udacity: github.com/udacity/deep-learning-v2-pytorch, cycle-gan/, our `udacity` networks
  junyanz: github.com/junyanz/pytorch-CycleGAN-and-pix2pix, our `resnet`, `unet` and `patchgan`

Kernels of both kinds of convolution change their axes in the same way. An ordinary one is [out, in,
k, k] there and [k, k, in, out] here. A transposed one is [in, out, k, k] there, the kernel of the
strided convolution that it transposes, and so it is here, [k, k, out, in]; see convolutions.py.
"""

from collections.abc import Iterator, Mapping
import dataclasses
import functools
from typing import Any

import jax
import numpy as np

from cyclegan_jax.data.source import make_domains
from cyclegan_jax.errors import UserError
from cyclegan_jax.models import networks
from cyclegan_jax.settings import Config, differences, format_value, ModelConfig

Path = tuple[str | int, ...]
# Shapes by key; values of data settings (channels) and of model settings.
_Kernels = Mapping[str, tuple[int, ...]]
_Settings = tuple[dict[str, int], dict[str, Any]]

# ours = theirs.transpose(_TO_OURS), for kernels.
_TO_OURS, _TO_THEIRS = (2, 3, 1, 0), (3, 2, 0, 1)
# Their names of a layer's arrays, and ours; a layer has those that our tree has.
_ARRAYS = (
  ('weight', 'params', 'kernel'),
  ('weight', 'params', 'scale'),
  ('bias', 'params', 'bias'),
  ('running_mean', 'batch_stats', 'mean'),
  ('running_var', 'batch_stats', 'var'),
)
_RUNNING = ('running_mean', 'running_var')


@dataclasses.dataclass(frozen=True)
class Pair:
  """One array in both worlds.

  Attributes:
    key: its key in the state_dict.
    path: where it is in {'params': ..., 'batch_stats': ...} of the network.
    shape: its shape in the state_dict.
  """

  key: str
  path: Path
  shape: tuple[int, ...]


def pairs(config: Config, name: str) -> list[Pair]:
  """All arrays of a network, in the order of the state_dict's layers.

  Raises:
    UserError: no published network has this form.
  """
  model = config.model
  if config.data.normalization not in ('plain', 'emsn'):
    raise UserError(
      f'--normalization={config.data.normalization}: the published PyTorch networks '
      'work with --normalization=plain.'
    )
  is_generator = name in networks.generators(model)
  if is_generator and model.upsampling != 'transposed':
    raise UserError(
      f'--upsampling={model.upsampling}: the published PyTorch networks have '
      '--upsampling=transposed.'
    )
  trees = _shapes(config)[name]
  found = []
  for key, path in _LAYOUTS[model.generator if is_generator else f'{model.discriminator} judge'](
    model
  ):
    for theirs, tree, ours in _ARRAYS:
      leaf = _get(trees, (tree, *path)).get(ours)
      if leaf is not None:
        shape = leaf.shape if leaf.ndim == 1 else tuple(leaf.shape[i] for i in _TO_THEIRS)
        found.append(Pair(f'{key}.{theirs}', (tree, *path, ours), shape))
  return found


def from_torch(
  config: Config, name: str, arrays: Mapping[str, np.ndarray], source: str
) -> tuple[dict[str, Any], dict[str, Any]]:
  """A state_dict's arrays as the parameters and batch statistics of one of our networks.

  Running statistics of instance norms, which some published checkpoints carry without using
  them, and counts of batches are ignored.

  Args:
    config: the run.
    name: of the network, see models/networks.py.
    arrays: by key of the state_dict, floating-point.
    source: the file, for messages.

  Returns:
    As one network's entries of `networks.initialize`, float32.

  Raises:
    UserError: arrays are missing, unexpected, of another shape or not finite; it says which
      settings would fit.
  """
  wanted = pairs(config, name)
  problems = _problems(wanted, arrays, config)
  if problems:
    more = f' (and {len(problems) - 1} more)' if len(problems) > 1 else ''
    raise UserError(
      f'{source} does not fit the network {name}: {problems[0]}{more}. '
      + _advice(config, name, arrays)
    )
  trees = {'params': {}, 'batch_stats': {}}
  for pair in wanted:
    array = np.asarray(arrays[pair.key], np.float32)
    if not np.isfinite(array).all():
      raise UserError(f'{source}: {pair.key} holds values that are not finite. Take another file.')
    branch = trees
    for part in pair.path[:-1]:
      branch = branch.setdefault(part, {})
    branch[pair.path[-1]] = array.transpose(_TO_OURS) if array.ndim == 4 else array
  return trees['params'], trees['batch_stats']


def to_torch(
  config: Config, name: str, params: Any, batch_stats: Any = None
) -> dict[str, np.ndarray]:
  """The inverse of `from_torch`, which keeps the dtype.

  Args:
    config: the run.
    name: of the network.
    params: its parameters, or anything of the same form, such as Adam's moments.
    batch_stats: its batch statistics; None leaves them out.
  """
  trees = {'params': params, 'batch_stats': batch_stats}
  arrays = {
    pair.key: np.asarray(_get(trees, pair.path))
    for pair in pairs(config, name)
    if trees[pair.path[0]] is not None
  }
  return {
    key: array.transpose(_TO_THEIRS) if array.ndim == 4 else array for key, array in arrays.items()
  }


# --- layouts: each layer's key in the state_dict and its path in our tree --------------------


def _strided_generator(model: ModelConfig) -> Iterator[tuple[str, Path]]:
  for i in range(model.n_downsampling):
    yield f'conv{i + 1}.0', ('down', i)
    yield f'conv{i + 1}.1', ('down_norms', i)
  for i in range(model.n_residual_blocks):
    for half in (1, 2):
      yield f'res_blocks.{i}.conv_layer{half}.0', ('blocks', i, f'conv{half}')
      yield f'res_blocks.{i}.conv_layer{half}.1', ('blocks', i, f'norm{half}')
  for i in range(model.n_downsampling):
    yield f'deconv{i + 1}.0', ('up', i)
    yield f'deconv{i + 1}.1', ('up_norms', i)


def _strided_discriminator(model: ModelConfig) -> Iterator[tuple[str, Path]]:
  for i in range(model.discriminator_layers):
    yield f'conv{i + 1}.0', ('convs', i)
    yield f'conv{i + 1}.1', ('norms', i - 1)
  yield f'conv{model.discriminator_layers + 1}.0', ('score',)


def _resnet_generator(model: ModelConfig) -> Iterator[tuple[str, Path]]:
  # Places in one Sequential: paddings and activations count too.
  yield 'model.1', ('first',)
  yield 'model.2', ('first_norm',)
  place = 4
  for i in range(model.n_downsampling):
    yield f'model.{place}', ('down', i)
    yield f'model.{place + 1}', ('down_norms', i)
    place += 3
  for i in range(model.n_residual_blocks):
    for half, inner in ((1, 1), (2, 5)):
      yield f'model.{place}.conv_block.{inner}', ('blocks', i, f'conv{half}')
      yield f'model.{place}.conv_block.{inner + 1}', ('blocks', i, f'norm{half}')
    place += 1
  for i in range(model.n_downsampling):
    yield f'model.{place}', ('up', i)
    yield f'model.{place + 1}', ('up_norms', i)
    place += 3
  yield f'model.{place + 1}', ('last',)


def _patchgan(model: ModelConfig) -> Iterator[tuple[str, Path]]:
  yield 'model.0', ('convs', 0)
  last = model.discriminator_layers + 1
  for i in range(1, last):
    yield f'model.{3 * i - 1}', ('convs', i)
    yield f'model.{3 * i}', ('norms', i - 1)
  yield f'model.{3 * last - 1}', ('score',)


def _unet(model: ModelConfig) -> Iterator[tuple[str, Path]]:
  # Each block is a Sequential with the next one inside, and dropout, if any, at its end.
  last = model.n_downsampling - 1
  yield 'model.model.0', ('down', 0)
  yield 'model.model.3', ('up', last)
  block = 'model.model.1.model'
  for i in range(1, last + 1):
    up = 5 if i < last else 3
    yield f'{block}.1', ('down', i)
    yield f'{block}.2', ('down_norms', i - 1)
    yield f'{block}.{up}', ('up', last - i)
    yield f'{block}.{up + 1}', ('up_norms', last - i)
    block += '.3.model'


_LAYOUTS = {
  'udacity': _strided_generator,
  'resnet': _resnet_generator,
  'unet': _unet,
  'udacity judge': _strided_discriminator,
  'patchgan judge': _patchgan,
}


@functools.cache
def _shapes(config: Config) -> dict[str, dict[str, Any]]:
  """{'params': ..., 'batch_stats': ...} of every network, with shapes in place of arrays."""
  params, batch_stats = jax.eval_shape(
    lambda: networks.initialize(config.model, make_domains(config.data), jax.random.key(0))
  )
  return {name: {'params': params[name], 'batch_stats': batch_stats[name]} for name in params}


def _get(tree: Any, path: Path) -> Any:
  """What lies at a path; an empty dict where the tree does not reach so far."""
  for part in path:
    tree = tree.get(part, {})
  return tree


# --- files that do not fit ------------------------------------------------------------------


def _problems(wanted: list[Pair], arrays: Mapping[str, np.ndarray], config: Config) -> list[str]:
  """What keeps arrays from being a network's, a phrase each."""
  unused = ('num_batches_tracked',) + (_RUNNING if config.model.norm != 'batch' else ())
  shapes = {key: tuple(array.shape) for key, array in arrays.items() if not key.endswith(unused)}
  expected = {pair.key: pair.shape for pair in wanted}
  wrong = [
    f'{key} has shape {shapes[key]}, expected {shape}'
    for key, shape in expected.items()
    if key in shapes and shapes[key] != shape
  ]
  missing = [
    f'{key} is missing, expected with shape {shape}'
    for key, shape in expected.items()
    if key not in shapes
  ]
  unexpected = [
    f'{key} of shape {shape} is not expected'
    for key, shape in shapes.items()
    if key not in expected
  ]
  return wrong + missing + unexpected


def _advice(config: Config, name: str, arrays: Mapping[str, np.ndarray]) -> str:
  """Which settings to change so that a file fits, if there are any."""
  for candidate in _candidates(config, name, arrays):
    if not _problems(pairs(candidate, name), arrays, candidate):
      changed = {key: new for key, (_, new) in differences(config, candidate).items()}
      data = candidate.data
      if (
        changed
        == {'rgb_channels': data.rgb_channels, 'ir_channels': data.ir_channels}
        == {'rgb_channels': config.data.ir_channels, 'ir_channels': config.data.rgb_channels}
      ):
        return 'It fits the other direction: say which domain is RGB with --a_is.'
      flags = ' '.join(f'--{key}={format_value(value)}' for key, value in changed.items())
      return f'It fits with {flags}.'
  return 'No settings were found that it fits: it is from another kind of network.'


def _candidates(config: Config, name: str, arrays: Mapping[str, np.ndarray]) -> Iterator[Config]:
  """Configurations that a file may come from: counts and widths are read off its kernels."""
  kernels = {key: array.shape for key, array in arrays.items() if array.ndim == 4}
  if len(kernels) < 2:
    return
  has_scales = any(array.ndim == 1 and key.endswith('.weight') for key, array in arrays.items())
  is_generator = name in networks.generators(config.model)
  read = _read_generator if is_generator else _read_discriminator
  for channels, settings in read(config, name, kernels):
    depth = settings.get('n_downsampling', settings.get('discriminator_layers'))
    smallest = 3 if settings.get('generator') == 'unet' else 1
    if depth >= smallest and set(channels.values()) <= {1, 3}:
      settings['norm'] = 'batch' if has_scales else 'instance'
      yield dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, **channels),
        model=dataclasses.replace(config.model, **settings),
      )


def _read_generator(config: Config, name: str, kernels: _Kernels) -> Iterator[_Settings]:
  del config  # Only a discriminator's channels depend on the rest.
  first, *_, last = kernels.values()
  in_blocks = sum('.conv_block.' in key or '.conv_layer' in key for key in kernels)
  levels = (len(kernels) - in_blocks) // 2
  source, target = (f'{domain}_channels' for domain in name.split('_to_'))
  common = {'base_width': first[0]}
  residual = {**common, 'n_residual_blocks': in_blocks // 2, 'dropout': 0.0}
  yield (
    {source: first[1], target: last[1]},
    {**residual, 'generator': 'udacity', 'n_downsampling': levels},
  )
  yield (
    {source: first[1], target: last[0]},
    {**residual, 'generator': 'resnet', 'n_downsampling': levels - 1},
  )
  yield (
    {source: first[1], target: last[1]},
    {**common, 'generator': 'unet', 'n_downsampling': levels},
  )


def _read_discriminator(config: Config, name: str, kernels: _Kernels) -> Iterator[_Settings]:
  width, seen = next(iter(kernels.values()))[:2]
  condition = config.data.rgb_channels if config.model.method == 'pix2pix' else 0
  for kind, others in (('udacity', 1), ('patchgan', 2)):
    yield (
      {f'{name}_channels': seen - condition},
      {
        'discriminator': kind,
        'discriminator_width': width,
        'discriminator_layers': len(kernels) - others,
      },
    )
