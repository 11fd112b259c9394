"""Import of checkpoints of published PyTorch code: finding, reading and loading their files.

  udacity            G_XtoY.pkl, G_YtoX.pkl, D_X.pkl, D_Y.pkl
  junyanz, CycleGAN  EPOCH_net_G_A.pth, ..._G_B.pth, ..._D_A.pth, ..._D_B.pth
  junyanz, pix2pix   EPOCH_net_G.pth, EPOCH_net_D.pth
  taesungp, CUT      EPOCH_net_G.pth, EPOCH_net_D.pth, EPOCH_net_F.pth
  JunlinHan, DCLGAN  as CycleGAN, and EPOCH_net_F1.pth, EPOCH_net_F2.pth

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
from cyclegan_jax.inference.pytorch import layouts, weights
from cyclegan_jax.models import networks
from cyclegan_jax.progress import Log
from cyclegan_jax.settings import Config
from cyclegan_jax.training.step import state as state_lib

_LATEST = 'latest'
# How PyTorch names a pickled class or function in its error.
_GLOBAL = re.compile(r'GLOBAL (\S+)')


def import_state(
  config: Config, folder: pathlib.Path, a_is: str, epoch: str, log: Log = print
) -> state_lib.TrainState:
  """Makes the state of a run before its first step, with the weights of PyTorch checkpoints.

  Discriminators and projection networks keep their initial weights if their file is missing or of
  an unknown layout.

  Args:
    config: the run.
    folder: with the files.
    a_is: the domain that they call A or X, 'rgb' or 'ir'.
    epoch: of the files, if their names have one; '' takes the only or the latest one.
    log: receives each line for the user.

  Raises:
    UserError: a generator is missing, `a_is` or `epoch` does not fit, PyTorch is not installed, or
      a file cannot be read or does not fit the networks.
  """
  _check_known(config)
  params, batch_stats = {}, {}
  for name, file in _find(config, folder, a_is, epoch).items():
    kind = _kind(config, name)
    is_known = kind != 'Discriminator' or layouts.has_discriminator(config.model)
    if file.exists() and is_known:
      loaded = weights.from_torch(config, name, _read(file), str(file))
      params[name], batch_stats[name] = jax.tree.map(jnp.asarray, loaded)
      log(f'{kind} {name}: {file}')
    else:
      log(
        f'{kind} {name}: {_why_not(config, file, is_known)}, so it keeps its initial weights. You '
        f'can evaluate and translate, but training would begin with an untrained {kind.lower()}.'
      )
  state = state_lib.initialize(config, make_domains(config.data))
  ema = jax.tree.map(jnp.copy, state_lib.select(params, tuple(state.ema)))
  params, batch_stats = state.params | params, state.batch_stats | batch_stats
  return dataclasses.replace(state, params=params, batch_stats=batch_stats, ema=ema)


def _check_known(config: Config) -> None:
  """Raises UserError for settings that no published PyTorch files have."""
  if config.model.condition != 'none':
    raise UserError(
      f'--condition={config.model.condition}: networks of PyTorch files are told nothing beside '
      'the image. Give --condition=none.'
    )
  if config.model.base != 'none':
    raise UserError(
      f'--base={config.model.base}: no PyTorch files of both stages are known. Give --base=none.'
    )
  if config.model.method == 'exemplar':
    raise UserError(
      '--method=exemplar: PyTorch files of it have another encoder of contents. Give another '
      '--method.'
    )
  if config.model.inputs != 'rgb':
    raise UserError(
      f'--inputs={config.model.inputs}: networks of PyTorch files see images alone. Give '
      '--inputs=rgb.'
    )


def _kind(config: Config, name: str) -> str:
  if name in networks.generators(config.model):
    return 'Generator'
  return 'Projection' if name in networks.projections(config.model) else 'Discriminator'


def _find(config: Config, folder: pathlib.Path, a_is: str, epoch: str) -> dict[str, pathlib.Path]:
  """Returns the file of every network by its name; only those of generators must exist."""
  if not folder.is_dir():
    raise UserError(
      f'--checkpoint_dir={folder} is not a folder. Give the one with the PyTorch files.'
    )
  names = networks.names(config.model)
  endings = {name: end for name, end in _endings(config, a_is).items() if name in names}
  if any(ending.startswith('_net_') for ending in endings.values()):
    epoch = _choose_epoch(folder, set(endings.values()), epoch)
  elif epoch:
    raise UserError(f'--epoch={epoch}: the names of udacity files have no epoch. Omit the flag.')
  files = {name: folder / (epoch + ending) for name, ending in endings.items()}
  needed = [files[name] for name in networks.generators(config.model)]
  missing = [file.name for file in needed if not file.is_file()]
  if missing:
    found = sorted(file.name for file in folder.iterdir() if file.suffix in ('.pth', '.pkl'))
    raise UserError(
      f'--checkpoint_dir={folder} has no {" and no ".join(missing)}. All generators of '
      f'--method={config.model.method} with --generator={config.model.generator} are needed. '
      f'Found: {", ".join(found) or "no .pth or .pkl file"}.'
    )
  return files


def _read(file: pathlib.Path) -> dict[str, np.ndarray]:
  """Reads the arrays of a saved state_dict by key, float32."""
  try:
    import torch
  except ImportError as error:
    raise UserError(f'{file}: reading it needs PyTorch: pip install -e ".[parity]"') from error
  try:
    content = torch.load(file, map_location='cpu', weights_only=True)
  except Exception as error:  # A damaged file can cause any error.
    pickled = _GLOBAL.search(str(error)) if isinstance(error, pickle.UnpicklingError) else None
    if pickled:
      raise UserError(
        f'{file} holds a pickled {pickled[1]}, which could run any code when it is read. Only '
        'arrays are accepted: save the state_dict() of each network.'
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
  # torch.nn.DataParallel puts this before each key.
  prefix = 'module.' if all(key.startswith('module.') for key in content) else ''
  return {
    key.removeprefix(prefix): value.to(torch.float32).numpy() for key, value in content.items()
  }


def _why_not(config: Config, file: pathlib.Path, is_known: bool) -> str:
  """Returns why a network is not read from its file."""
  if is_known:
    return f'{file.name} is missing'
  norm = ' with --spectral_norm' * config.model.spectral_norm
  return f'weights of --discriminator={config.model.discriminator}{norm} cannot be imported'


def _endings(config: Config, a_is: str) -> dict[str, str]:
  """Returns how the name of each network's file ends, after the epoch if it has one."""
  method = config.model.method
  if method != 'cyclegan':
    direction, source, target = config.model.direction, config.model.source, config.model.target
    if a_is != source:
      raise UserError(
        f'--a_is={a_is}: a {method} model translates from A, and --direction={direction} from '
        f'{source}. Give --a_is={a_is} with --direction={a_is}_to_{source}, or --a_is={source}.'
      )
    projection = networks.projection(direction)
    return {direction: '_net_G.pth', target: '_net_D.pth', projection: '_net_F.pth'}
  a, b = a_is, {'rgb': 'ir', 'ir': 'rgb'}[a_is]
  forward, backward = f'{a}_to_{b}', f'{b}_to_{a}'
  if config.model.generator == 'udacity':
    return {forward: 'G_XtoY.pkl', backward: 'G_YtoX.pkl', a: 'D_X.pkl', b: 'D_Y.pkl'}
  # D_A judges the output of G_A, images of B.
  return {
    forward: '_net_G_A.pth',
    backward: '_net_G_B.pth',
    b: '_net_D_A.pth',
    a: '_net_D_B.pth',
    networks.projection(forward): '_net_F1.pth',
    networks.projection(backward): '_net_F2.pth',
  }


def _choose_epoch(folder: pathlib.Path, endings: set[str], epoch: str) -> str:
  """Returns the epoch in the names of the files to read."""
  names = {file.name.removesuffix(end) for end in endings for file in folder.glob(f'*{end}')}
  found = sorted(names)
  wanted = epoch or (found[0] if len(found) == 1 else _LATEST)
  if found and wanted not in found:
    raise UserError(
      f'--epoch={wanted} is not in --checkpoint_dir={folder}, which has: {", ".join(found)}. '
      'Choose one of these.'
    )
  return wanted
