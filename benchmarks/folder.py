"""A folder of images through a network: many sizes against one, files included.

  python -m benchmarks.folder --preset=pix2pix --images=180 --json=FILE

Translates random pictures with an untrained network as `experiments.translate` does: first a folder
of one size, then one whose sides are drawn from half to one and a half times those. Programs are
compiled meanwhile, and count. The rate is that of the images' pixels, of which canvases have more:
those of a network that halves images eight times are multiples of 256 high and wide. The network
alone is the first folder's batches again, without files. Prints a Markdown table.
"""

import json
import math
import os
import pathlib
import tempfile
import time
from typing import Any

from absl import app, flags
import jax
import numpy as np
import PIL.Image

from benchmarks import configuration
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.inference import batches, translate
from cyclegan_jax.inference.files import inputs, outputs
from cyclegan_jax.inference.model import Model
from cyclegan_jax.models import apply, networks

_PRESET = flags.DEFINE_string('preset', 'pix2pix', 'The network.')
_IMAGES = flags.DEFINE_integer('images', 180, 'Images in each folder.', lower_bound=2)
_SIZE = flags.DEFINE_integer('size', 256, 'Height and width of the one size.', lower_bound=64)
_WIDTH = flags.DEFINE_integer('width', 0, "Channels of the first layer; 0: the preset's.")
_JSON = flags.DEFINE_string('json', '', 'A file for the figures.')


def model() -> Model:
  """An untrained model."""
  config = configuration.without_data(_PRESET.value, 1, _SIZE.value, _WIDTH.value)
  domains = make_domains(config.data)
  nets = networks.build(config.model, domains)
  arrays = networks.initialize(config.model, domains, 0)
  return Model(config, 0, domains, apply.translators(nets, *jax.device_put(arrays)))


def draw(folder: pathlib.Path, sizes: np.ndarray) -> int:
  """Writes smooth pictures [n, 2] as JPEG files; returns their pixels."""
  folder.mkdir()
  rng = np.random.default_rng(0)
  for i, (height, width) in enumerate(sizes.tolist()):
    coarse = PIL.Image.fromarray(rng.integers(0, 256, (15, 20, 3), np.uint8))
    picture = coarse.resize((width, height), PIL.Image.Resampling.BICUBIC)
    picture.save(folder / f'{i:04}.jpg', quality=90)
  return int(sizes.prod(axis=1).sum())


def measure(made: Model, folder: pathlib.Path, sizes: np.ndarray) -> dict[str, Any]:
  """Seconds for a folder, and what it consists of."""
  pixels = draw(folder, sizes)
  options = outputs.OutputOptions(folder.with_name(f'{folder.name}_ir'))
  translator = outputs.FileTranslator(made, options, {})
  jobs = inputs.plan([str(folder)], options.output, suffix='.png').jobs
  begin, cpu = time.perf_counter(), time.process_time()
  failures = translate.translate_files(translator, jobs, lambda line: None)
  if failures:
    raise RuntimeError('\n'.join(failures))
  seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
  chosen = batches.plan(translator, jobs)
  return {
    'images': len(sizes),
    'sizes': len(set(map(tuple, sizes.tolist()))),
    'programs': len(set(chosen.values())),
    'megapixels': pixels / 1e6,
    'on canvases': sum(math.prod(chosen[job.source].shape) for job in jobs) / 1e6,
    'seconds': seconds,
    'processor seconds': cpu,
  }


def network_alone(made: Model) -> dict[str, Any]:
  """Seconds of the network for batches of one size, compiled before."""
  rows, size = 4, _SIZE.value
  x = np.random.default_rng(0).integers(0, 256, (rows, size, size, 3), np.uint8)
  made.translate(x)
  count = -(-_IMAGES.value // rows)
  begin, cpu = time.perf_counter(), time.process_time()
  for _ in range(count):
    made.translate(x)
  return {
    'images': count * rows,
    'sizes': 1,
    'programs': 0,
    'megapixels': count * rows * size**2 / 1e6,
    'on canvases': count * rows * size**2 / 1e6,
    'seconds': time.perf_counter() - begin,
    'processor seconds': time.process_time() - cpu,
  }


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  made, n, size = model(), _IMAGES.value, _SIZE.value
  drawn = np.random.default_rng(1).integers(size // 2, size * 3 // 2 + 1, (n, 2))
  with tempfile.TemporaryDirectory() as folder:
    found = {
      'one size': measure(made, pathlib.Path(folder, 'one'), np.full((n, 2), size)),
      'mixed sizes': measure(made, pathlib.Path(folder, 'mixed'), drawn),
      'network alone': network_alone(made),
    }
  keys = list(found['one size'])
  print('| | ' + ' | '.join([*keys, 'megapixels/s']) + ' |\n|---|' + '---:|' * (len(keys) + 1))
  for name, row in found.items():
    figures = [*row.values(), row['megapixels'] / row['seconds']]
    print(f'| {name} | ' + ' | '.join(f'{value:.3g}' for value in figures) + ' |')
  print(
    '{}, {}, {} cores, load {:.1f} {:.1f} {:.1f} in the last 1, 5, 15 minutes'.format(
      _PRESET.value, jax.devices()[0].device_kind, os.cpu_count(), *os.getloadavg()
    )
  )
  if _JSON.value:
    text = json.dumps({'preset': _PRESET.value, 'size': size, 'found': found}, indent=1)
    pathlib.Path(_JSON.value).write_text(text + '\n')


if __name__ == '__main__':
  app.run(main)
