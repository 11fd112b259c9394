"""Sample grids: rows of examples, columns of real and generated images."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cyclegan_jax.data import pipeline
from cyclegan_jax.data.source import Dataset, ends, evenly_spaced
from cyclegan_jax.models.apply import Translator
from cyclegan_jax.reports import image_grid
from cyclegan_jax.settings import Config


def grid(both: Mapping[str, Translator], dataset: Dataset, config: Config) -> np.ndarray:
  """Draws some validation examples (training ones if there are none), one a row.

  The columns are RGB, the IR generated from it, RGB regained from that; IR, the RGB generated from
  it, IR regained from that. A method with one generator has the source, what is generated from it,
  and the true image. The examples are the same each time, `config.train.n_samples` evenly spaced
  over the split.

  Returns:
    uint8 [height, width, 3].
  """
  split = next(name for name in ('validation', 'train') if len(dataset.splits.get(name, ())))
  pixels, shown = {}, {}
  for name, domain in dataset.domains.items():
    data = pipeline.domain_pixels(dataset, split, name, config.data, bool(domain.inputs))
    n = min(config.train.n_samples, len(dataset.splits[split]))
    examples: list[Any] = [data[i] for i in evenly_spaced(len(data), n)]
    shown[name] = {key: np.stack([example[key] for example in examples]) for key in examples[0]}
    pixels[name] = shown[name][name]
  source, target = ends(dataset.domains, config.model.direction)
  here, there = source.name.upper(), target.name.upper()
  forth, back = both[config.model.direction], both.get(f'{target.name}_to_{source.name}')
  fake = forth(source.seen(shown[source.name]))
  columns = {here: pixels[source.name], f'{there}, generated': target.to_pixels(fake)}
  if back:
    columns[f'{here}, cycled'] = source.to_pixels(back(fake))
  columns[there] = pixels[target.name]
  if back:
    fake_source = back(target.normalize(pixels[target.name]))
    columns[f'{here}, generated'] = source.to_pixels(fake_source)
    columns[f'{there}, cycled'] = target.to_pixels(forth(fake_source))
  return image_grid.grid(list(zip(*columns.values())), titles=list(columns))
