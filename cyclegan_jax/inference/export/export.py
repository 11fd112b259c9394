"""Export of a trained generator to a file that runs without this program.

It maps pixels to pixels as `Model.translate` does, and contains normalization, mirror padding, the
network, inverse normalization, rounding and clipping; see program.py.
"""

from collections.abc import Sequence
import dataclasses
import importlib
import importlib.util
import json
import pathlib
import types

from cyclegan_jax import files, normalization, provenance, radiometry
from cyclegan_jax.data.source import ends
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference.export import check
from cyclegan_jax.inference.export.check import Difference, Example
from cyclegan_jax.inference.export.program import Program
from cyclegan_jax.inference.model import max_value, Model
from cyclegan_jax.models import networks
from cyclegan_jax.progress import Log
from cyclegan_jax.runs import published
from cyclegan_jax.settings import Config, flatten

# The formats, and the packages that only one needs. The extra `onnx` installs those of onnx.
FORMATS = {'stablehlo': ('flatbuffers',), 'onnx': ('onnx', 'onnxruntime')}


def load_format(name: str) -> types.ModuleType:
  """Imports the module of a format: `write(file, program, metadata)` and `load(file)`.

  UserError if a package that it needs is missing.
  """
  if lacking := missing(name):
    raise UserError(
      f'--format={name} needs {" and ".join(lacking)}: pip install {" ".join(lacking)}'
    )
  return importlib.import_module(f'cyclegan_jax.inference.export.{name}')


def missing(name: str) -> list[str]:
  """Returns the packages that a format needs and that are not installed."""
  return [package for package in FORMATS[name] if not importlib.util.find_spec(package)]


def check_output(output: pathlib.Path, overwrite: bool) -> None:
  """Raises UserError for a folder, and for an existing file unless `overwrite` is set."""
  if output.is_dir():
    raise UserError(f'--output={output} is a folder. Give the name of a file in it.')
  if output.exists() and not overwrite:
    raise UserError(f'--output={output} exists already. Choose another name, or give --overwrite.')


def export(
  model: Model,
  direction: str,
  format_name: str,
  output: pathlib.Path,
  *,
  bits: int,
  examples: Sequence[Example],
  checkpoint: str,
  overwrite: bool = False,
  log: Log = print,
) -> Difference:
  """Writes a generator to a file, runs the file, and keeps it only if it agrees with the model.

  Returns how the two differ: within `check.TOLERANCES`.

  Args:
    model: from `model.load`.
    direction: 'rgb_to_ir' or 'ir_to_rgb'.
    format_name: a name in FORMATS.
    output: the file to write; its folder is made if necessary.
    bits: of the output, 8 or 16; 0 takes those of the target domain.
    examples: images of the source domain to compare on.
    checkpoint: the value of --checkpoint, for the metadata.
    overwrite: replace an existing file.
    log: receives each line for the user.

  Raises:
    UserError: the model has no such direction, or sees layers (--inputs), which examples lack; a
      package is missing, the network is too deep, the file exists or cannot be written, or it does
      not agree with the model.
  """
  file_format = load_format(format_name)
  model.translator(direction)
  _check_depth(model)
  check_output(output, overwrite)
  config = model.config
  if config.model.precision != 'float32':
    log(
      f'This run computes in {config.model.precision}. The file, and the model that it is compared '
      'with, compute in float32 with the same weights.'
    )
  limit = max_value(ends(model.domains, direction)[1], bits or None)
  program = Program(in_float32(model), direction, int(limit))
  _check_layers(program, examples)
  try:
    output.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(output) as temporary:
      texts = _metadata(program, config, format_name, checkpoint)
      file_format.write(temporary, program, texts)
      log(f'Comparing the file with the model. Images: {len(examples)}.')
      difference = check.compare(file_format.load(temporary), program, examples)
      allowed = check.TOLERANCES[program.limit]
      if difference.largest > allowed:
        raise UserError(
          f'The file is not kept, because it does not agree with the model: {difference}, allowed '
          f'is {allowed}. Please report this with config.json of the run.'
        )
  except OSError as error:
    raise UserError(
      f'--output={output} cannot be written: {error.strerror or error}. Choose another place.'
    ) from error
  log(f'{output}: {output.stat().st_size / 2**20:.1f} MiB. Compared with the model: {difference}.')
  return difference


def _check_layers(program: Program, examples: Sequence[Example]) -> None:
  bare = next((one for one in examples if not one.layers.keys() >= program.layers.keys()), None)
  if bare:
    raise UserError(
      f'{bare.name}: an image file alone, and this model sees {" and ".join(program.layers)} of a '
      'scene (--inputs), too. Leave --check_images out: the test split of the run has layers.'
    )


def _check_depth(model: Model) -> None:
  config = model.config.model
  if config.generator == 'resnet' and model.multiple < 2 ** (config.n_downsampling + 1):
    raise UserError(
      f'--n_downsampling={config.n_downsampling}: a resnet this deep cannot be exported. Inside '
      'it, small images are one pixel, which leaves nothing to mirror at the border. Up to 4 works.'
    )


def in_float32(model: Model) -> Model:
  """Returns the model with convolutions in float32, as it is exported."""
  settings = dataclasses.replace(model.config.model, precision='float32')
  nets = networks.build(settings, model.domains)
  translators = {
    name: dataclasses.replace(generator, net=nets[name])
    for name, generator in model.translators.items()
  }
  config = dataclasses.replace(model.config, model=settings)
  return dataclasses.replace(model, config=config, translators=translators)


def _metadata(
  program: Program, config: Config, format_name: str, checkpoint: str
) -> dict[str, str]:
  """Returns what a file says about itself; `config` has the precision of the training."""
  model, data = program.model, config.data
  source, target = program.domains
  facts = {'program': 'cyclegan_jax', 'direction': program.direction}
  for role, domain, dtype, largest in (
    ('input', source, program.dtypes[0], int(source.max_value)),
    ('output', target, program.dtypes[1], program.limit),
  ):
    facts[role] = f'{domain.name}, {dtype} [batch, height, width, {domain.channels}], 0..{largest}'
  if source.inputs:
    for name, dtype in program.layers.items():
      facts[name] = f'{dtype} [batch, height, width], {source.inputs.meaning(name)}'
  facts |= {'preset': config.train.preset, 'normalization': data.normalization}
  if data.normalization != 'plain':
    bands = {**normalization.PAPER_BANDS, 'ir': normalization.parse_ir_band(data.ir_band)}
    facts |= {f'{name}_band': normalization.format_band(band) for name, band in bands.items()}
  if known := radiometry.known(data.ir_range, data.ir_span):
    facts['ir_range'] = known.text
  if data.ir_span:
    facts['ir_span'] = data.ir_span
  if config.model.condition != 'none' and target.name == 'ir':
    facts['condition'] = f'{config.model.condition}, at the means of training'
  if config.model.method == 'exemplar':
    facts['style'] = 'the mean of training'
  if program.model.source:
    facts['source'] = program.model.source
  settings = published.without_folders(flatten(config))
  return facts | {
    'dataset': data.dataset,
    'step': str(model.step),
    'trained_steps': str(model.trained_steps),
    'checkpoint': checkpoint,
    'seed': str(config.train.seed),
    'precision': 'float32',
    'commit': provenance.commit() or '',
    'format': format_name,
    'settings': json.dumps(settings),
    'versions': json.dumps(provenance.versions(FORMATS[format_name])),
  }
