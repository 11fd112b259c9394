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
  are the same each time, evenly spaced over the split.

  Args:
    both: The generators by name.
    dataset: The data.
    config: The run; `n_samples` and how images are sized are read.

  Returns:
    uint8 [height, width, 3].
  """
  split = next(
    name for name in ('validation', 'train') if name in dataset.splits and len(dataset.splits[name])
  )
  n = min(config.train.n_samples, len(dataset.splits[split]))
  domains, pixels = dataset.domains, {}
  for name in domains:
    data = pipeline.domain_pixels(dataset, split, name, config.data)
    chosen = evenly_spaced(len(data), n)
    examples: list[Any] = [data[i] for i in chosen]
    pixels[name] = np.stack([example[name] for example in examples])
  real = {name: domain.normalize(pixels[name]) for name, domain in domains.items()}
  to_pixels = {name: domain.to_pixels for name, domain in domains.items()}
  fake_ir = both['rgb_to_ir'](real['rgb'])
  columns = {'RGB': pixels['rgb'], 'IR, generated': to_pixels['ir'](fake_ir)}
  if 'ir_to_rgb' in both:
    columns['RGB, cycled'] = to_pixels['rgb'](both['ir_to_rgb'](fake_ir))
  columns['IR'] = pixels['ir']
  if 'ir_to_rgb' in both:
    fake_rgb = both['ir_to_rgb'](real['ir'])
    columns['RGB, generated'] = to_pixels['rgb'](fake_rgb)
    columns['IR, cycled'] = to_pixels['ir'](both['rgb_to_ir'](fake_rgb))
  return image_grid.grid([list(row) for row in zip(*columns.values())], titles=list(columns))
