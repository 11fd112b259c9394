"""Files that a downstream study writes into RUN/downstream, beside its jobs.

downstream.json   every figure, and what was done
downstream.csv    a row for each condition and seed
per_image.csv     a column for each condition, see `results.per_image`
summary.md        the printed tables
examples.png      test images, their true classes, and those found after each kind of images
"""

from collections.abc import Mapping
import pathlib
from typing import Any

import numpy as np

from cyclegan_jax import checksum, files
from cyclegan_jax.downstream import results, tables
from cyclegan_jax.downstream.conditions import GENERATED, LUMINANCE, REAL
from cyclegan_jax.downstream.study import Studied
from cyclegan_jax.image_files import images
from cyclegan_jax.reports import image_grid, label_maps, page

EXAMPLES = 'examples.png'
_COLUMNS = (
  *('RGB', 'real IR', 'generated IR', 'true classes'),
  *('found after real IR', 'after generated IR', 'after luminance'),
)


def write(folder: pathlib.Path, content: Mapping[str, Any], studied: Studied) -> None:
  """Writes the files, each whole or not at all; the content is that of `results.result`."""
  folder.mkdir(parents=True, exist_ok=True)
  files.write_csv(folder / 'downstream.csv', tables.csv_rows(content))
  per_image, test = results.per_image(studied), studied.test
  columns = ([f'{value:.7g}' for value in column] for column in per_image.values())
  rows = [['id', 'sequence', *per_image], *zip(test.ids, test.sequences, *columns)]
  files.write_csv(folder / results.PER_IMAGE, rows, durable=True)
  files.write_text(folder / 'summary.md', markdown(content))
  images.write_png(folder / EXAMPLES, _examples(studied))
  # Last: who finds it finds the others.
  files.write_text(folder / results.JSON, checksum.dumps(content), durable=True)


def markdown(content: Mapping[str, Any]) -> str:
  """Returns the tables and what they say, as Markdown."""
  return page.text('downstream.md', content=content, tables=tables)


def _examples(studied: Studied) -> np.ndarray:
  """Some test images, a row each; what was found is that of the first seed."""
  test, found = studied.test, studied.outcomes
  rows = []
  for place, (index, rgb) in enumerate(zip(studied.shown, test.rgb)):
    seen = [test.images[kind][index][..., np.newaxis] for kind in (REAL, GENERATED)]
    classes = [found[name][0].shown[place] for name in (REAL, GENERATED, LUMINANCE)]
    maps = [label_maps.picture(one) for one in (test.labels[index], *classes)]
    rows.append([rgb, *seen, *maps])
  grid = image_grid.grid(rows, titles=_COLUMNS)
  return label_maps.stacked([grid, label_maps.legend(studied.class_names)])
