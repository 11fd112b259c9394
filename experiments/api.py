"""What commands do, for Python: the functions of `cyclegan_jax` call those here.

They take settings by the names of the flags, and leave out what commands have for a terminal:
signals, several processes, and the folder of compiled programs.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import os
import pathlib
import subprocess
import sys
from typing import Any, TYPE_CHECKING

from cyclegan_jax import files, packages
from cyclegan_jax.errors import UserError
from cyclegan_jax.progress import Log
from cyclegan_jax.runs import addresses
from cyclegan_jax.settings import as_flag, Config, fields, named
from datasets import registry
from experiments import checking, measuring

if TYPE_CHECKING:
  from cyclegan_jax.comparison.finished import Comparison
  from cyclegan_jax.data.source import Dataset
  from cyclegan_jax.inference.export.check import Difference
  from cyclegan_jax.runs.reader import Run

# Settings that name a folder or file of this machine.
_PATHS = frozenset({*named(place=True, per_process=True), 'initialize_from'})
_FORMATS = {'.onnx': 'onnx', '.stablehlo': 'stablehlo'}


def train(
  workdir: str | os.PathLike[str],
  preset: str = 'udacity',
  *,
  overwrite: bool = False,
  log: Log = print,
  **settings: Any,
) -> 'Run':
  """See `cyclegan_jax.train`."""
  from cyclegan_jax.runs import reader

  folder = files.expanded(workdir)
  config = registry.configuration({'preset': preset, **_converted(settings)})
  run_training(config, folder, overwrite=overwrite, log=log)
  return reader.read([folder], None)[0]


def run_training(
  config: Config,
  workdir: pathlib.Path,
  *,
  overwrite: bool = False,
  stall_timeout: float | None = None,
  log: Log = print,
) -> int:
  """Opens the data and trains; several processes call it together.

  Returns:
    0, or the number of the signal that ended training early.
  """
  from cyclegan_jax import distributed
  from cyclegan_jax.runs import run_folder
  from cyclegan_jax.training import loop, preflight
  import datasets

  preflight.check(config, workdir, overwrite=overwrite)
  if not overwrite:
    config = run_folder.own_span(workdir, config)
  prepared = '' if overwrite else run_folder.prepared(workdir)
  dataset = distributed.first_alone(lambda: datasets.open_dataset(config.data, prepared), 'data')
  return loop.train(
    config, dataset, workdir, overwrite=overwrite, stall_timeout=stall_timeout, log=log
  )


def evaluate(
  run: 'str | os.PathLike[str] | Run',
  split: str = 'test',
  *,
  checkpoint: str = 'best',
  gallery: int | None = 24,
  log: Log = print,
  **places: Any,
) -> 'Run':
  """See `cyclegan_jax.evaluate`."""
  from cyclegan_jax.inference import model as model_lib
  from cyclegan_jax.metrics import perceptual
  from cyclegan_jax.reports import run_page
  from cyclegan_jax.runs import reader, run_folder

  folder = _folder(run, log, results='runs')
  model = model_lib.load(folder, checkpoint)
  data = dataclasses.replace(model.config.data, **_converted(places))
  asked = measuring.Asked(folder, data, split, checkpoint, gallery=gallery)
  dataset = asked.open(model)
  measuring.measure(asked, model, dataset, perceptual.NONE, log)
  page = run_folder.page_of(folder, split, checkpoint)
  log(run_page.write([folder], page, split, gallery, checkpoint))
  return reader.read([folder], split, checkpoint)[0]


def open_dataset(run: 'str | os.PathLike[str] | Run', **places: Any) -> 'Dataset':
  """See `cyclegan_jax.open_dataset`."""
  from cyclegan_jax.runs import run_folder
  import datasets

  folder = _folder(run, print)
  data = dataclasses.replace(run_folder.load_config(folder).data, **_converted(places))
  dataset = datasets.open_dataset(data, run_folder.prepared(folder))
  run_folder.check_data(folder, dataset)
  return dataset


def translate(
  run: 'str | os.PathLike[str] | Run',
  inputs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
  output: str | os.PathLike[str],
  *,
  checkpoint: str = 'best',
  temperature: str = '',
  style: str = '',
  depth_dir: str | os.PathLike[str] = '',
  label_dir: str | os.PathLike[str] = '',
  depth_unit: str | None = None,
  log: Log = print,
  **options: Any,
) -> None:
  """See `cyclegan_jax.translate`."""
  from cyclegan_jax.inference import translate as translate_lib
  from cyclegan_jax.inference.files import layer_files, outputs
  from datasets import temperatures

  several = [inputs] if isinstance(inputs, str | os.PathLike) else inputs
  failures = translate_lib.run(
    _folder(run, log),
    [os.fspath(one) for one in several],
    outputs.OutputOptions(files.expanded(output), **options),
    checkpoint=checkpoint,
    command=translate_lib.asked(temperature, style, temperatures.scale),
    layers=layer_files.parse(os.fspath(depth_dir), os.fspath(label_dir), depth_unit),
    log=log,
  )
  if failures:
    raise UserError('\n'.join(failures))


def export(
  run: 'str | os.PathLike[str] | Run',
  output: str | os.PathLike[str],
  *,
  direction: str = '',
  bits: int = 0,
  check_images: str | os.PathLike[str] = '',
  checkpoint: str = 'best',
  overwrite: bool = False,
  log: Log = print,
  **places: Any,
) -> 'Difference':
  """See `cyclegan_jax.export`."""
  from cyclegan_jax.inference import model as model_lib
  from cyclegan_jax.inference.export import export as export_lib

  file = files.expanded(output)
  if file.suffix not in _FORMATS:
    raise UserError(f'{file}: expected a name that ends in {" or ".join(_FORMATS)}.')
  export_lib.check_output(file, overwrite)
  export_lib.load_format(_FORMATS[file.suffix])
  folder = _folder(run, log)
  model = model_lib.load(folder, checkpoint)
  direction = direction or model.direction
  data = dataclasses.replace(model.config.data, **_converted(places))
  images = files.expanded(check_images) if check_images else None
  return export_lib.export(
    *(model, direction, _FORMATS[file.suffix], file),
    bits=bits,
    examples=checking.examples(folder, data, direction, images),
    checkpoint=checkpoint,
    overwrite=overwrite,
    log=log,
  )


def compare(
  output: str | os.PathLike[str],
  models: Mapping[str, str] | None = None,
  *,
  seeds: int | Sequence[int] = 6,
  workers: int = 1,
  log: Log = print,
  **settings: Any,
) -> 'Comparison':
  """See `cyclegan_jax.compare`."""
  from cyclegan_jax.comparison import finished

  folder = files.expanded(output).resolve()
  texts = [str(seeds)] if isinstance(seeds, int) else [f'{seed},' for seed in seeds]
  arguments = [f'--output={folder}', f'--seeds={"".join(texts)}', f'--workers={workers}']
  arguments += [f'--model={label}: {flags}' for label, flags in (models or {}).items()]
  arguments += [as_flag(name, value) for name, value in _converted(settings).items()]
  # A process of its own: it starts others, and this one may hold the device.
  path = os.pathsep.join([str(packages.root()), *filter(None, [os.environ.get('PYTHONPATH')])])
  with subprocess.Popen(
    [sys.executable, '-m', packages.module('compare'), *arguments],
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
    env={**os.environ, 'PYTHONPATH': path},
  ) as process:
    lines = []
    for line in process.stdout or ():
      lines.append(line.rstrip('\n'))
      log(lines[-1])
  if process.returncode:
    text = '\n'.join(lines[-20:])
    raise UserError(text.partition('error: ')[2] or text)
  return finished.read(folder)


def _folder(run: 'str | os.PathLike[str] | Run', log: Log, results: str = '') -> pathlib.Path:
  """Returns the folder of a run, or of a model that is fetched; see `addresses.located`."""
  from cyclegan_jax.runs import reader

  if isinstance(run, reader.Run):
    return run.folder
  if not addresses.is_address(run):
    return files.expanded(run)
  name = str(run)
  if name in addresses.BUNDLED:
    log(addresses.described(name))
  return addresses.located(name, log, results)


def _converted(settings: Mapping[str, Any]) -> dict[str, Any]:
  """Returns settings as configurations hold them: absolute paths, sizes as (height, width)."""
  found = dict(settings)
  for name, value in found.items():
    is_model = name == 'initialize_from' and addresses.is_address(value)
    if name in _PATHS and value and not is_model:
      found[name] = str(files.expanded(value).resolve())
    elif name in fields() and isinstance(fields()[name][1].default, tuple):
      found[name] = (value, value) if isinstance(value, int) else tuple(value)
  return found
