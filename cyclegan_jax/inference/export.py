"""A trained generator as a file that runs without this program, and the proof that it does.

An exported file takes pixels, uint8 or uint16 [batch, height, width, channels] of any size, and
gives pixels: normalization, mirrored padding, the network, its inverse normalization, rounding and
clipping are all inside, and are what Model.translate does. It computes in float32.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
import dataclasses
import importlib
import importlib.util
import json
import pathlib
import secrets
from typing import Any

import numpy as np

from cyclegan_jax import normalization, provenance
from cyclegan_jax.data import images
from cyclegan_jax.data.source import Domain
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference.model import Model
from cyclegan_jax.models import networks
from cyclegan_jax.progress import Log
from cyclegan_jax.settings import flatten, PLACES

# Module, and the packages that only it needs; the extra onnx brings those of onnx.
FORMATS: Mapping[str, tuple[str, tuple[str, ...]]] = {
  'stablehlo': ('export_stablehlo', ('flatbuffers',)),
  'onnx': ('export_onnx', ('onnx', 'onnxruntime')),
}
# Largest difference from the model that a file may show, by largest pixel value: one gray level of
# 8 bits; of 16 bits a sixteenth of that. Sums in another order change one level of 65536 at most
# in the models tried, but more where instance norm enlarges what is nearly flat.
TOLERANCES = {255: 1, 65535: 16}
# Sizes that fit no stride; the largest side of whole images, for the time that a check takes.
_ODD = ((37, 53), (1, 1))
_LARGEST = 512
# Images looked at whole, and images in a batch.
_WHOLE, _BATCH = 4, 3


@dataclasses.dataclass(frozen=True)
class Difference:
  """How far an exported file's pixels are from the model's.

  Attributes:
    largest: in gray levels of the output.
    share: of the values that differ at all, 0 to 1.
    n: values compared.
  """

  largest: int
  share: float
  n: int


def check_format(name: str) -> Any:
  """The module of a format; UserError if what it needs is not installed."""
  module, packages = FORMATS[name]
  missing = [package for package in packages if not importlib.util.find_spec(package)]
  if missing:
    raise UserError(
      f'--format={name} needs {" and ".join(missing)}, not installed here: '
      f'pip install {" ".join(missing)}'
    )
  return importlib.import_module(f'cyclegan_jax.inference.{module}')


def check_output(output: pathlib.Path, overwrite: bool) -> None:
  """Refuses, before any long work, a folder, or a file that is there and is not to be replaced."""
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
  examples: Sequence[tuple[str, np.ndarray]],
  checkpoint: str,
  overwrite: bool = False,
  log: Log = print,
) -> Difference:
  """Writes a generator to a file, runs the file, and keeps it only if it does what the model does.

  Args:
    model: from `model.load`.
    direction: 'rgb_to_ir' or 'ir_to_rgb'.
    format_name: a name in FORMATS.
    output: the file; folders above it are made.
    bits: of the output, 8 or 16; 0: those of the target domain.
    examples: name and pixels of images of the source domain, uint8 or uint16 [height, width,
      channels], to compare on.
    checkpoint: what chose it, for the metadata.
    overwrite: replace a file that is there.
    log: takes lines meant for a person.

  Returns:
    The difference, which is within TOLERANCES.

  Raises:
    UserError: the direction does not exist, something is not installed, the network is too deep,
      the file exists or cannot be written, or it does something else than the model.
  """
  form = check_format(format_name)
  model.translator(direction)
  _check_depth(model)
  if model.config.model.precision != 'float32':
    log(
      f'This run computes in {model.config.model.precision}. The file and the model that it is '
      'compared with compute in float32, with the same weights.'
    )
  settings = model.config
  model = in_float32(model)
  own = model.domains[direction.split('_to_')[1]].max_value
  limit = 2**bits - 1 if bits else int(own)
  check_output(output, overwrite)
  with _pending(output) as temporary:
    form.write(
      temporary,
      model,
      direction,
      limit,
      {
        **metadata(model, direction, limit, checkpoint),
        'format': format_name,
        'settings': json.dumps(
          {name: value for name, value in flatten(settings).items() if name not in PLACES}
        ),
        'versions': json.dumps(provenance.versions(FORMATS[format_name][1])),
      },
    )
    log(f'Comparing the file with the model on {len(examples)} images.')
    difference = compare(form.load(temporary), model, direction, limit, examples)
    found = (
      f'largest difference {difference.largest} of {limit} gray levels, '
      f'{100 * difference.share:.3g} % of {difference.n:,} values differ'
    )
    if difference.largest > TOLERANCES[limit]:
      raise UserError(
        f'{output} is not written: it would not do what the model does: {found}, '
        f'allowed is {TOLERANCES[limit]}. Please report this, with config.json of '
        'the run.'
      )
  log(f'{output}: {output.stat().st_size / 2**20:.1f} MiB. Beside the model: {found}.')
  return difference


def _check_depth(model: Model) -> None:
  config = model.config.model
  if config.generator == 'resnet' and model.multiple < 2 ** (config.n_downsampling + 1):
    raise UserError(
      f'--n_downsampling={config.n_downsampling}: this resnet cannot be exported. '
      'Inside it small images are one pixel, which has nothing to mirror at its '
      'border. Up to 4 can be.'
    )


def in_float32(model: Model) -> Model:
  """The model as it is exported: with convolutions in float32."""
  config = dataclasses.replace(
    model.config, model=dataclasses.replace(model.config.model, precision='float32')
  )
  nets = networks.build(config.model, model.domains)
  return dataclasses.replace(
    model,
    config=config,
    translators={
      name: dataclasses.replace(generator, net=nets[name])
      for name, generator in model.translators.items()
    },
  )


def metadata(model: Model, direction: str, limit: int, checkpoint: str) -> dict[str, str]:
  """What a file says of itself, texts by name.

  Args:
    model: from `in_float32`.
    direction: of the generator.
    limit: the largest pixel value that comes out.
    checkpoint: what chose it.
  """
  source, target = (model.domains[name] for name in direction.split('_to_'))
  data = model.config.data
  facts = {'program': 'cyclegan_jax', 'direction': direction}
  for role, domain, largest in (
    ('input', source, int(source.max_value)),
    ('output', target, limit),
  ):
    facts[role] = (
      f'{domain.name}, {"uint8" if largest <= 255 else "uint16"} '
      f'[batch, height, width, {domain.channels}], 0..{largest}'
    )
  facts |= {'preset': model.config.train.preset, 'normalization': data.normalization}
  if data.normalization != 'plain':
    bands = {**normalization.PAPER_BANDS, 'ir': normalization.parse_ir_band(data.ir_band)}
    facts |= {f'{name}_band': normalization.format_band(band) for name, band in bands.items()}
  if data.ir_range:
    facts['ir_range'] = data.ir_range
  return facts | {
    'dataset': data.dataset,
    'step': str(model.step),
    'trained_steps': str(model.trained_steps),
    'checkpoint': checkpoint,
    'seed': str(model.config.train.seed),
    'precision': 'float32',
    'commit': provenance.commit() or '',
  }


def compare(
  run: Callable[[np.ndarray], np.ndarray],
  model: Model,
  direction: str,
  limit: int,
  examples: Sequence[tuple[str, np.ndarray]],
) -> Difference:
  """Runs an exported file and the model on images: whole, and batches of odd sizes.

  Args:
    run: the file, pixels to pixels [batch, height, width, channels].
    model: from `in_float32`.
    direction: of both.
    limit: the largest pixel value that comes out.
    examples: as in `export`.

  Images of one value alone are run, too, but of models with instance norm not compared: it divides
  by their contrast, which is rounding errors, in the model itself too.
  """
  source = model.domains[direction.split('_to_')[0]]
  pixels = [_as_input(image, source, name) for name, image in examples]
  batches = [image[np.newaxis, :_LARGEST, :_LARGEST] for image in pixels[:_WHOLE]]
  for height, width in _ODD:
    height, width = (
      min(n, *sides)
      for n, sides in zip((height, width), zip(*(image.shape[:2] for image in pixels)))
    )
    batches.append(np.stack([pixels[i % len(pixels)][:height, :width] for i in range(_BATCH)]))
  largest, differing, n, bits = 0, 0, 0, 8 if limit <= 255 else 16
  for batch in batches:
    # One by one: what an image becomes must not depend on its batch.
    want = np.stack([model.translate(image, direction, bits=bits, tile=0) for image in batch])
    got = run(batch)
    if got.shape != want.shape or got.dtype != want.dtype:
      raise UserError(
        f'The exported file gives {got.dtype} {got.shape}, the model {want.dtype} '
        f'{want.shape}. Please report this.'
      )
    apart = np.abs(got.astype(int) - want)
    if model.config.model.norm == 'instance':
      apart = apart[np.ptp(batch, (1, 2)).any(1)]
    largest, differing, n = (
      max(largest, int(apart.max(initial=0))),
      differing + np.count_nonzero(apart),
      n + apart.size,
    )
  if not n:
    raise UserError(
      'All images to compare on are of one value each. Give others with --check_images.'
    )
  return Difference(largest, float(differing / n), n)


def _as_input(image: np.ndarray, source: Domain, name: str) -> np.ndarray:
  """An image as an exported file takes it: channels and bit depth of the source domain."""
  image = images.for_domain(image, source.name, source.channels, name)
  return source.quantize(image.astype(np.float32) * (source.max_value / np.iinfo(image.dtype).max))


@contextlib.contextmanager
def _pending(output: pathlib.Path) -> Iterator[pathlib.Path]:
  """A file beside the output that becomes it if all goes well, and is gone if not."""
  temporary = output.with_name(f'.{output.name}.{secrets.token_hex(4)}.tmp')
  try:
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary.touch()
    yield temporary
    temporary.replace(output)
  except OSError as error:
    raise UserError(
      f'--output={output} cannot be written: {error.strerror or error}. Choose another place.'
    ) from error
  finally:
    with contextlib.suppress(OSError):
      temporary.unlink(missing_ok=True)
