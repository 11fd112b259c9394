"""Rendered scenes under five temperatures: does a model that is told them make the true IR images?

  python -m benchmarks.counterfactuals --run=RUN --json=results/counterfactuals.json

The run was trained on `synthetic`. Each of the first frames of its test scenes is rendered in air
that is colder and warmer (datasets/synthetic/render.py): one RGB image and five true IR images. The
model is told the true condition of each, and the means of training, as a model that is told nothing
would be. The file has, for each offset, PSNR and the error of the mean over the image in kelvin.
Of a model by example it has what by_example.py measures.
"""

import json
import pathlib

from absl import app, flags
import numpy as np

from benchmarks import by_example
from cyclegan_jax import files
from cyclegan_jax.data import labels
from cyclegan_jax.image_files import images
from cyclegan_jax.inference import model as model_lib
from datasets import temperatures
from datasets.synthetic import layout, render, synthetic_dataset_builder as builder

_RUN = flags.DEFINE_string('run', None, 'The run folder.')
_JSON = flags.DEFINE_string('json', None, 'The file to write.')


def main(argv: list[str]) -> None:
  """Measures and writes the file."""
  if len(argv) > 1 or not (_RUN.value and _JSON.value):
    raise app.UsageError('--run and --json are needed, and nothing else.')
  model = model_lib.load(_RUN.value)
  how = by_example.measure if model.has_styles else measure
  content = how(model, scenes(model.config.data.options))
  content |= {'run': pathlib.Path(_RUN.value).name, 'step': model.step}
  files.write_text(_JSON.value, json.dumps(content, indent=2) + '\n')
  for row in content.get('offsets', [content]):
    print(row)


def scenes(options: dict[str, float]) -> list[list[render.Rendering]]:
  """Renders the first frame of each test scene of a run's data under all offsets."""
  config = builder.synthetic_config(
    options.get('extra_scenes', 0), options.get('hidden_kelvin', 0.0)
  ) or builder.SyntheticConfig(name='default')
  first = config.train_sequences + config.validation_sequences
  found = []
  for sequence in range(first, first + config.test_sequences):
    # Around the air that RGB shows.
    scene = layout.random_scene(config.seed, sequence)
    where = config.seed, sequence, 0, config.height, config.width
    found.append(render.counterfactuals(scene, *where))
  return found


def measure(
  model: model_lib.Model, rendered: list[list[render.Rendering]]
) -> dict[str, list[dict[str, float]]]:
  """Returns figures for each offset, means over scenes."""
  rgb, ir, data = model.domains['rgb'], model.domains['ir'], model.config.data
  scale = temperatures.scale(data, ir.max_value)
  generator, told, size = model.translators['rgb_to_ir'], ir.condition, data.image_size
  small = lambda image: images.resize(image, size, data.resize)
  rows = []
  for i, offset in enumerate(render.OFFSETS):
    chosen = [of_scene[i] for of_scene in rendered]
    x = rgb.normalize(np.stack([small(one.rgb) for one in chosen]))
    truth = np.stack([small(one.ir) for one in chosen])
    guesses = {'mean': generator(x)}
    if told:
      classes = np.stack([labels.resize(one.labels, size) for one in chosen])
      vectors = told.of_images(ir.normalize(truth), classes, None)
      guesses['true'] = generator(x, vectors)
    row = {'offset_kelvin': offset}
    for name, values in guesses.items():
      made = ir.quantize(ir.denormalize(values)).astype(np.float64)
      squared = np.mean((made - truth) ** 2, (1, 2, 3))
      row[f'psnr_{name}'] = float(np.mean(10 * np.log10(ir.max_value**2 / squared)))
      warmth = [scale.values(x).mean((1, 2, 3)) for x in (made, truth)]
      row[f'bias_kelvin_{name}'] = float(np.mean(warmth[0] - warmth[1]))
      row[f'error_kelvin_{name}'] = float(np.mean(np.abs(warmth[0] - warmth[1])))
    rows.append(row)
  return {'offsets': rows}


if __name__ == '__main__':
  app.run(main)
