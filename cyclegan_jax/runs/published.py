"""The folder of a published model: a run folder whose checkpoint is one file of plain arrays.

config.json        the configuration of the run, without folders of the machine that trained it
data.json          what pixel values mean, and a fingerprint of the data
condition.json     with --condition, see runs/run_folder.py
model.json         the step of the weights, their SHA-256, and what wrote the folder
model.safetensors  the weights that the generators translate with, float32 by name
evaluation/SPLIT/  metrics.json and per_image.csv, if the run was measured
source.json        where the folder was fetched from, see hub.py

Only arrays and JSON are read: nothing in such a folder can run code. experiments.publish writes it,
with a model card and pictures beside.
"""

from collections.abc import Iterator, Mapping
import dataclasses
import json
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors.numpy

from cyclegan_jax import checksum, config as config_lib, files, provenance
from cyclegan_jax.data.source import Domain
from cyclegan_jax.errors import UserError
from cyclegan_jax.models import networks
from cyclegan_jax.runs import run_folder
from cyclegan_jax.settings import Config, fields, PLACES, SECTIONS

MODEL, WEIGHTS, SOURCE = 'model.json', 'model.safetensors', 'source.json'
# Of model.json.
_FORMAT = 1
_MAX_VALUES = (255, 65535)


@dataclasses.dataclass(frozen=True)
class Weights:
  """What a published folder holds.

  Attributes:
    config: The configuration of the run.
    domains: 'rgb' and 'ir', as in training.
    step: The step of the weights.
    trained_steps: The step of the run's latest checkpoint.
    params: Parameters by the names of the generators.
    batch_stats: Running batch statistics, likewise.
    source: The address that the folder was fetched from, with its revision; '' if it was not.
  """

  config: Config
  domains: dict[str, Domain]
  step: int
  trained_steps: int
  params: dict[str, Any]
  batch_stats: dict[str, Any]
  source: str = ''


def is_in(folder: pathlib.Path) -> bool:
  """Returns whether a folder holds a published model, not a run that can go on."""
  return (folder / MODEL).is_file() and not (folder / run_folder.CHECKPOINTS).exists()


def write(folder: pathlib.Path, weights: Weights, workdir: pathlib.Path) -> None:
  """Writes the files that `read` reads.

  Args:
    folder: exists.
    weights: what to publish; `source` does not matter.
    workdir: the folder that they are from, of a run or a published model.

  Raises:
    UserError: a file of the run cannot be read.
    OSError: the files cannot be written.
  """
  arrays = {name: np.ascontiguousarray(leaf) for name, leaf in _named(_tree(weights))}
  file = folder / WEIGHTS
  files.write_bytes(file, safetensors.numpy.save(arrays, metadata={'program': 'cyclegan_jax'}))
  facts = {
    'format': _FORMAT,
    'program': 'cyclegan_jax',
    'step': weights.step,
    'trained_steps': weights.trained_steps,
    'weights_sha256': checksum.of_file(file),
    'commit': provenance.commit(),
    'versions': provenance.versions(),
  }
  data = run_folder.read_json(workdir / run_folder.DATA)
  # The name of a prepared copy tells that of the folder with the images.
  data = {name: value for name, value in data.items() if name != 'prepared'}
  texts = {MODEL: facts, run_folder.DATA: data}
  if weights.config.model.condition != 'none':
    texts[run_folder.CONDITION] = run_folder.read_json(workdir / run_folder.CONDITION)
  files.write_text(folder / run_folder.CONFIG, config_lib.to_json(without_places(weights.config)))
  for name, content in texts.items():
    files.write_text(folder / name, json.dumps(content, indent=2) + '\n')


def without_places(config: Config) -> Config:
  """Returns the configuration without files and folders of the user's machine."""
  sections = {}
  for section in SECTIONS:
    part = getattr(config, section)
    names = [field.name for field in dataclasses.fields(part) if field.name in PLACES]
    sections[section] = dataclasses.replace(part, **{n: fields()[n][1].default for n in names})
  options = without_folders(config.data.options)
  sections['data'] = dataclasses.replace(sections['data'], options=options)
  return dataclasses.replace(config, **sections)


def without_folders(settings: Mapping[str, Any]) -> dict[str, Any]:
  """Returns settings and options by name without those that name a place on the user's machine.

  Of a file that an option of a data set names, such as a table of pairs, the name is left.
  """
  return {
    name: pathlib.PurePath(value).name if str(value).startswith('/') else value
    for name, value in settings.items()
    if name not in PLACES
  }


def read(folder: pathlib.Path, checkpoint: str = 'best') -> Weights:
  """Reads a published model.

  Args:
    folder: of the model.
    checkpoint: 'best' or the step of the weights; 'latest' if that is the same.

  Raises:
    UserError: a file is missing, damaged, or of another version, or there is no such checkpoint.
  """
  config = run_folder.load_config(folder)
  facts = _facts(folder)
  _check_max_values(folder)
  domains = run_folder.load_domains(folder, config)
  step, trained_steps = facts['step'], facts['trained_steps']
  if checkpoint not in ('best', str(step), *(['latest'] if step == trained_steps else [])):
    raise UserError(
      f'--checkpoint={checkpoint}: {folder} is a published model, which has only the weights of '
      f'step {step}. Leave the flag out.'
    )
  trees = _trees(
    folder / WEIGHTS, _arrays(folder / WEIGHTS, facts['weights_sha256']), config, domains
  )
  source = folder / SOURCE
  return Weights(
    config,
    domains,
    step,
    trained_steps,
    {name: tree['params'] for name, tree in trees.items()},
    {name: tree['batch_stats'] for name, tree in trees.items()},
    run_folder.read_json(source)['source'] if source.exists() else '',
  )


def _tree(weights: Weights) -> dict[str, Any]:
  """The arrays by generator and kind."""
  return {
    name: {'params': params, 'batch_stats': weights.batch_stats[name]}
    for name, params in weights.params.items()
  }


def _facts(folder: pathlib.Path) -> dict[str, Any]:
  """Returns the content of model.json, checked."""
  file = folder / MODEL
  facts = run_folder.read_json(file)
  kinds = {'format': int, 'step': int, 'trained_steps': int, 'weights_sha256': str}
  if not isinstance(facts, dict) or facts.get('program') != 'cyclegan_jax':
    raise UserError(
      f'{file} was not written by experiments.publish: this is another kind of model.'
    )
  wrong = [name for name, kind in kinds.items() if not isinstance(facts.get(name), kind)]
  if wrong:
    raise UserError(f'{file} is damaged: no {" and no ".join(wrong)}. Fetch the model again.')
  if facts['format'] != _FORMAT:
    raise UserError(
      f'{file} has format {facts["format"]}, and this version reads format {_FORMAT}. Use the '
      'version that wrote it.'
    )
  return facts


def _check_max_values(folder: pathlib.Path) -> None:
  """Refuses a data.json whose pixels are of no known kind."""
  file = folder / run_folder.DATA
  facts = run_folder.read_json(file)
  try:
    found = [facts['domains'][name]['max_value'] for name in ('rgb', 'ir')]
  except (KeyError, TypeError):
    found = []
  if not found or not all(value in _MAX_VALUES for value in found):
    raise UserError(
      f'{file} does not say what the pixel values mean: expected a max_value of 255 or 65535 for '
      'rgb and ir. Fetch the model again.'
    )


def _arrays(file: pathlib.Path, digest: str) -> dict[str, np.ndarray]:
  """Reads the arrays of a file, which has to be whole."""
  try:
    found = checksum.of_file(file)
    arrays = safetensors.numpy.load_file(file) if found == digest else {}
  except Exception as error:  # A damaged file can cause any error.
    raise UserError(f'{file} cannot be read ({error}). Fetch the model again.') from error
  if found != digest:
    raise UserError(
      f'{file} is cut short or damaged: its SHA-256 is not the one in {MODEL}. Fetch the model '
      'again.'
    )
  return arrays


def _trees(
  file: pathlib.Path,
  arrays: Mapping[str, np.ndarray],
  config: Config,
  domains: Mapping[str, Domain],
) -> dict[str, Any]:
  """Returns the arrays as parameters and statistics by generator, if they fit the configuration."""
  # A network without an array for each block is not built: it could have any number of them.
  shape = dataclasses.replace(config.model, discriminator='none', projection_width=0)
  if max(shape.n_residual_blocks, shape.n_downsampling) > len(arrays):
    raise UserError(_unfit(file, f'{len(arrays)} arrays are too few'))
  try:
    params, stats = networks.abstract(shape, domains)
  except (TypeError, ValueError) as error:  # What they are told is no numbers.
    raise UserError(_unfit(file, str(error))) from error
  wanted = {name: {'params': params[name], 'batch_stats': stats[name]} for name in params}
  expected = dict(_named(wanted))
  for name in (*expected, *arrays):
    here = arrays[name].shape if name in arrays else 'missing'
    there = expected[name].shape if name in expected else 'missing'
    if here != there:
      raise UserError(_unfit(file, f'{name} is {here}, expected {there}'))
    if arrays[name].dtype != np.float32:
      raise UserError(_unfit(file, f'{name} is {arrays[name].dtype}, expected float32'))
  leaves = [jnp.asarray(arrays[name]) for name in expected]
  return jax.tree.unflatten(jax.tree.structure(wanted), leaves)


def _unfit(file: pathlib.Path, why: str) -> str:
  return f'{file} does not fit {run_folder.CONFIG} beside it: {why}. Fetch the model again.'


def _named(tree: Any) -> Iterator[tuple[str, Any]]:
  """Yields the leaves of nested dicts by names such as rgb_to_ir.params.encoder.0.kernel."""
  for path, leaf in jax.tree.leaves_with_path(tree):
    yield jax.tree_util.keystr(path, simple=True, separator='.'), leaf
