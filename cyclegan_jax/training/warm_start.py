"""The state that a run starts from: drawn, or the weights of another run (--initialize_from)."""

from collections.abc import Iterator, Mapping
import contextlib
import dataclasses
import json
import pathlib
from typing import Any

import jax
import jax.numpy as jnp

from cyclegan_jax import files
from cyclegan_jax.data.source import Domain
from cyclegan_jax.errors import UserError
from cyclegan_jax.models import networks
from cyclegan_jax.progress import Log
from cyclegan_jax.runs import addresses, published, run_folder
from cyclegan_jax.settings import as_flag, Config, differences, SECTIONS
from cyclegan_jax.training.checkpoint import of_run
from cyclegan_jax.training.step import state as state_lib
from cyclegan_jax.training.step.state import TrainState

_MODEL = frozenset(field.name for field in dataclasses.fields(SECTIONS['model']))


def check(config: Config) -> None:
  """Raises UserError if --initialize_from names no run."""
  source = config.train.initialize_from
  with _named(source):
    run_folder.load_config(addresses.located(source))


def initialize(
  config: Config, domains: Mapping[str, Domain], workdir: pathlib.Path, log: Log
) -> TrainState:
  """Returns the state before the first step.

  With --initialize_from, generators start from the weights that the other run's best checkpoint
  translates with, and from its running statistics; so do other networks of the same name and shape.
  Optimizers and pools start anew. `workdir` gets a file that says where the weights are from.

  Args:
    config: The run.
    domains: Of its data.
    workdir: Its folder.
    log: Takes a line about what was taken over.

  Raises:
    UserError: There is no such run, or its generators have other shapes.
  """
  state = state_lib.initialize(config, domains)
  if not config.train.initialize_from:
    return state
  source = config.train.initialize_from
  with _named(source):
    folder = addresses.located(source, log)
    theirs, step, weights, statistics = _best(folder)
  params, stats, taken = dict(state.params), dict(state.batch_stats), []
  generators = networks.generators(config.model)
  for name in params:
    if name not in weights:
      continue
    other = _other_shapes(weights[name], params[name])
    if not other:
      params[name], stats[name] = weights[name], statistics[name]
      taken.append(name)
    elif name in generators:
      raise UserError(_explain(source, name, other, theirs, config))
  if not set(taken) & set(generators):
    raise UserError(
      f'--initialize_from={source}: that run has no generator '
      f'{" or ".join(generators)}. Choose another run.'
    )
  drawn = [name for name in params if name not in taken]
  log(
    f'Weights of {", ".join(taken)} are from {source}, step {step} '
    f'({theirs.data.dataset}, preset {theirs.train.preset}).'
    + (f' Drawn anew: {", ".join(drawn)}.' if drawn else '')
  )
  name = source if addresses.is_address(source) else folder.resolve().name
  _record(workdir, name, theirs, step, taken)
  ema = {name: jax.tree.map(jnp.copy, params[name]) for name in state.ema}
  return dataclasses.replace(state, params=params, batch_stats=stats, ema=ema)


def _best(source: pathlib.Path) -> tuple[Config, int, dict[str, Any], dict[str, Any]]:
  """Returns configuration, step, parameters and statistics of a run, or of a published model."""
  if published.is_in(source):
    found = published.read(source)
    return found.config, found.step, found.params, found.batch_stats
  with of_run(source) as (theirs, _, checkpoints):
    step = checkpoints.resolve('best')
    given = checkpoints.restore(step)
  return theirs, step, given.inference_params(), given.batch_stats


@contextlib.contextmanager
def _named(source: str) -> Iterator[None]:
  """Names the flag in errors about the other run."""
  try:
    yield
  except UserError as error:
    raise UserError(f'--initialize_from={source}: {error}') from error


def _other_shapes(theirs: Any, ours: Any) -> str:
  """Describes the first array that differs in shape or is only in one of two trees; '' if none."""
  a, b = (
    {jax.tree_util.keystr(path, simple=True, separator='/'): leaf.shape for path, leaf in leaves}
    for leaves in (jax.tree.leaves_with_path(tree) for tree in (theirs, ours))
  )
  for name in a | b:
    if a.get(name) != b.get(name):
      return f'{name} is {a.get(name, "missing")} there and {b.get(name, "missing")} here'
  return ''


def _explain(source: str, name: str, other: str, theirs: Config, config: Config) -> str:
  changed = differences(theirs, config)
  flags = ' '.join(as_flag(key, values[0]) for key, values in changed.items() if key in _MODEL)
  cure = f"Train with that run's settings: {flags}." if flags else 'Choose another run.'
  return f'--initialize_from={source}: {name} has other shapes: {other}. {cure}'


def _record(
  workdir: pathlib.Path, source: str, theirs: Config, step: int, taken: list[str]
) -> None:
  facts = {
    'run': source,
    'dataset': theirs.data.dataset,
    'preset': theirs.train.preset,
    'seed': theirs.train.seed,
    'checkpoint_step': step,
    'networks': taken,
  }
  text = json.dumps(facts, indent=2) + '\n'
  files.write_text(workdir / run_folder.INITIALIZED_FROM, text, durable=True)
