"""Sample grids: rows of examples, columns of real and generated images."""

from collections.abc import Mapping

import numpy as np

from cyclegan_jax import normalization
from cyclegan_jax.data import pipeline
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.models.apply import Translator
from cyclegan_jax.reports import image_grid
from cyclegan_jax.settings import Config


def grid(both: Mapping[str, Translator], dataset: Dataset, config: Config) -> np.ndarray:
  """Some validation examples (training ones if there are none), one a row.

  Columns: RGB, generated IR, RGB regained from it; IR, generated RGB, IR regained from it; or, of
  a method with one generator, RGB, generated IR, IR. The same examples each time, spread evenly
  over the split.

  Returns:
    uint8 [height, width, 3].
  """
  split = next(
    name for name in ('validation', 'train') if name in dataset.splits and len(dataset.splits[name])
  )
  n = min(config.train.n_samples, len(dataset.splits[split]))
  real = {}
  for name, domain in dataset.domains.items():
    data = pipeline.domain_images(dataset, split, name, config.data)
    chosen = np.linspace(0, len(data) - 1, n).round().astype(int)
    real[name] = np.stack([data[i][name] for i in chosen])
  fake_ir = both['rgb_to_ir'](real['rgb'])
  columns = {'RGB': ('rgb', real['rgb']), 'IR, generated': ('ir', fake_ir)}
  if 'ir_to_rgb' in both:
    columns['RGB, cycled'] = ('rgb', both['ir_to_rgb'](fake_ir))
  columns['IR'] = ('ir', real['ir'])
  if 'ir_to_rgb' in both:
    fake_rgb = both['ir_to_rgb'](real['ir'])
    columns |= {
      'RGB, generated': ('rgb', fake_rgb),
      'IR, cycled': ('ir', both['rgb_to_ir'](fake_rgb)),
    }
  pixels = [
    normalization.to_pixels(dataset.domains[name].normalization, x) for name, x in columns.values()
  ]
  return image_grid.grid([list(row) for row in zip(*pixels)], titles=list(columns))
