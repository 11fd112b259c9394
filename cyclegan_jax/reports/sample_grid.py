"""Sample grids: rows of examples, columns of real and generated images."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cyclegan_jax.data import pipeline
from cyclegan_jax.data.source import Dataset, evenly_spaced
from cyclegan_jax.models.apply import Translator
from cyclegan_jax.reports import image_grid
from cyclegan_jax.settings import Config


def grid(both: Mapping[str, Translator], dataset: Dataset, config: Config) -> np.ndarray:
  """Draws some validation examples (training ones if there are none), one a row.

  The columns are RGB, the IR generated from it, RGB regained from that; IR, the RGB generated from
  it, IR regained from that. A method with one generator has RGB, generated IR, and IR. The examples
  are the same each time, `config.train.n_samples` evenly spaced over the split.

  Returns:
    uint8 [height, width, 3].
  """
  split = next(name for name in ('validation', 'train') if len(dataset.splits.get(name, ())))
  pixels = {}
  for name in dataset.domains:
    data = pipeline.domain_pixels(dataset, split, name, config.data)
    n = min(config.train.n_samples, len(dataset.splits[split]))
    examples: list[Any] = [data[i] for i in evenly_spaced(len(data), n)]
    pixels[name] = np.stack([example[name] for example in examples])
  rgb, ir = dataset.domains['rgb'], dataset.domains['ir']
  to_ir, to_rgb = both['rgb_to_ir'], both.get('ir_to_rgb')
  fake_ir = to_ir(rgb.normalize(pixels['rgb']))
  columns = {'RGB': pixels['rgb'], 'IR, generated': ir.to_pixels(fake_ir)}
  if to_rgb:
    columns['RGB, cycled'] = rgb.to_pixels(to_rgb(fake_ir))
  columns['IR'] = pixels['ir']
  if to_rgb:
    fake_rgb = to_rgb(ir.normalize(pixels['ir']))
    columns['RGB, generated'] = rgb.to_pixels(fake_rgb)
    columns['IR, cycled'] = ir.to_pixels(to_ir(fake_rgb))
  return image_grid.grid(list(zip(*columns.values())), titles=list(columns))
