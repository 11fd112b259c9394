"""Checkpoints of the published PyTorch code: which files, and what is in them.

  udacity            G_XtoY.pkl, G_YtoX.pkl, D_X.pkl, D_Y.pkl
  junyanz, CycleGAN  EPOCH_net_G_A.pth, ..._G_B.pth, ..._D_A.pth, ..._D_B.pth
  junyanz, pix2pix   EPOCH_net_G.pth, EPOCH_net_D.pth

Only arrays are read: other pickled objects could run code.
"""

import dataclasses
import pathlib
import pickle
import re

import jax
import jax.numpy as jnp
import numpy as np

from cyclegan_jax.data.source import make_domains
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference import torch_weights
from cyclegan_jax.models import networks
from cyclegan_jax.progress import Log
from cyclegan_jax.settings import Config
from cyclegan_jax.training import state as state_lib

_LATEST = 'latest'
# What PyTorch says of a pickled class or function.
_GLOBAL = re.compile(r'GLOBAL (\S+)')


def import_state(
  config: Config, folder: pathlib.Path, a_is: str, epoch: str, log: Log = print
) -> state_lib.TrainState:
  """A run's state before its first step, with the weights of a folder of PyTorch checkpoints.

  Discriminators that are not in the folder keep their initial weights.

  Args:
    config: the run.
    folder: with the files.
    a_is: what their domain A or X is, 'rgb' or 'ir'.
    epoch: of the files, where their names have one; '' for the only or the latest one.
    log: takes each line meant for a person.

  Raises:
    UserError: a generator is missing, or a file cannot be read or does not fit the networks.
  """
  params, batch_stats = {}, {}
  for name, file in find(config, folder, a_is, epoch).items():
    if file.exists():
      loaded = torch_weights.from_torch(config, name, read(file), str(file))
      params[name], batch_stats[name] = jax.tree.map(jnp.asarray, loaded)
      log(f'{_describe(config, name)}: {file}')
    else:
      log(
        f'{_describe(config, name)}: no {file.name}, so it keeps its initial weights. That is '
        'enough to evaluate and translate; training would begin with a judge that knows nothing.'
      )
  state = state_lib.initialize(
    config, make_domains(config.data), state_lib.make_optimizer(config.train, 1)
  )
  ema = state_lib.select(params, tuple(state.ema))
  return dataclasses.replace(
    state,
    params={**state.params, **params},
    batch_stats={**state.batch_stats, **batch_stats},
    ema=jax.tree.map(jnp.copy, ema),
  )


def find(config: Config, folder: pathlib.Path, a_is: str, epoch: str) -> dict[str, pathlib.Path]:
  """The file of every network by its name; those of discriminators need not exist.

  Raises:
    UserError: one of a generator does not exist, or `a_is` or `epoch` does not fit.
  """
  if not folder.is_dir():
    raise UserError(
      f'--checkpoint_dir={folder} is not a folder. Give the one with the PyTorch files.'
    )
  stems = _stems(config, a_is)
  if config.model.method != 'pix2pix' and config.model.generator == 'udacity':
    if epoch:
      raise UserError(f'--epoch={epoch}: the names of udacity files have no epoch. Leave it out.')
    files = {name: folder / f'{stem}.pkl' for name, stem in stems.items()}
  else:
    endings = {name: f'_net_{stem}.pth' for name, stem in stems.items()}
    epoch = _epoch(folder, set(endings.values()), epoch)
    files = {name: folder / (epoch + ending) for name, ending in endings.items()}
  missing = [
    files[name].name for name in networks.generators(config.model) if not files[name].is_file()
  ]
  if missing:
    found = sorted(file.name for file in folder.iterdir() if file.suffix in ('.pth', '.pkl'))
    raise UserError(
      f'--checkpoint_dir={folder} has no {" and no ".join(missing)}: all generators of '
      f'--method={config.model.method} with --generator={config.model.generator} are needed. '
      f'Found: {", ".join(found) or "no .pth or .pkl file"}.'
    )
  return files


def read(file: pathlib.Path) -> dict[str, np.ndarray]:
  """The arrays of a saved state_dict by key, float32.

  Raises:
    UserError: PyTorch is not installed, or the file is damaged or holds anything else.
  """
  try:
    import torch  # pylint: disable=g-import-not-at-top
  except ImportError as error:
    raise UserError(f'{file}: reading it needs PyTorch: pip install -e ".[parity]"') from error
  try:
    content = torch.load(file, map_location='cpu', weights_only=True)
  except Exception as error:  # PyTorch lets whatever a damaged file causes through.
    pickled = _GLOBAL.search(str(error)) if isinstance(error, pickle.UnpicklingError) else None
    if pickled:
      raise UserError(
        f'{file} holds a pickled {pickled[1]}, which could run any code when it is '
        'read. Only arrays are accepted: save the state_dict() of each network.'
      ) from error
    raise UserError(
      f'{file} cannot be read: it is damaged, incomplete or not a PyTorch file '
      f'({type(error).__name__}).'
    ) from error
  if not isinstance(content, dict) or not all(
    isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in content.items()
  ):
    kind = type(content).__name__
    keys = ', '.join(map(str, list(content)[:5])) if isinstance(content, dict) else 'no keys'
    raise UserError(
      f'{file} holds a {kind} ({keys}), expected the state_dict() of one network: arrays by name.'
    )
  prefix = 'module.' if all(key.startswith('module.') for key in content) else ''
  return {
    key.removeprefix(prefix): value.to(torch.float32).numpy() for key, value in content.items()
  }


def _stems(config: Config, a_is: str) -> dict[str, str]:
  """What the file of each network is called, without epoch and ending."""
  if config.model.method == 'pix2pix':
    if a_is != 'rgb':
      raise UserError(
        f'--a_is={a_is}: pix2pix goes from RGB to IR here; a model from IR to RGB has no place.'
      )
    return {'rgb_to_ir': 'G', 'ir': 'D'}
  a, b = a_is, {'rgb': 'ir', 'ir': 'rgb'}[a_is]
  if config.model.generator == 'udacity':
    return {f'{a}_to_{b}': 'G_XtoY', f'{b}_to_{a}': 'G_YtoX', a: 'D_X', b: 'D_Y'}
  # There D_A judges what G_A makes, images of B.
  return {f'{a}_to_{b}': 'G_A', f'{b}_to_{a}': 'G_B', b: 'D_A', a: 'D_B'}


def _epoch(folder: pathlib.Path, endings: set[str], epoch: str) -> str:
  """The epoch in the names of the files to take."""
  found = sorted(
    {file.name.removesuffix(ending) for ending in endings for file in folder.glob(f'*{ending}')}
  )
  if epoch and epoch not in found:
    raise UserError(
      f'--epoch={epoch} is not in --checkpoint_dir={folder}; there are: '
      f'{", ".join(found) or "none"}.'
    )
  if epoch or len(found) == 1:
    return epoch or found[0]
  if found and _LATEST not in found:
    raise UserError(
      f'--checkpoint_dir={folder} has several epochs: {", ".join(found)}. Choose one with --epoch.'
    )
  return _LATEST


def _describe(config: Config, name: str) -> str:
  is_generator = name in networks.generators(config.model)
  return f'{"Generator" if is_generator else "Discriminator"} {name}'
