"""A measured run with pictures, its figures and names of our own choosing."""

import csv
import dataclasses
import pathlib

import numpy as np

from cyclegan_jax import config as config_lib
from cyclegan_jax.reports import gallery
from tests.comparison import made_up

SIZE = (16, 24)
COLORS = np.array([(200, 30, 30), (90, 90, 90), (160, 160, 160), (0, 0, 0)], np.uint8)


def write(folder: pathlib.Path, n_pictures: int = made_up.N, **overrides) -> None:
  """A run as made_up has it, and plain-colored pictures of its first images."""
  run = made_up.config(**overrides)
  made_up.write(folder, run, level=20 + 2 * overrides.get('paired', False))
  gallery.write(
    folder / 'evaluation' / 'test',
    {
      i: lambda: [np.broadcast_to(color, (*SIZE, 3)) for color in COLORS] for i in range(n_pictures)
    },
  )


def rewrite(folder: pathlib.Path, change) -> None:
  """Changes the rows of per_image.csv in place."""
  file = folder / 'evaluation' / 'test' / 'per_image.csv'
  with file.open(newline='') as lines:
    rows = list(csv.DictReader(lines))
  change(rows)
  with file.open('w', newline='') as out:
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)


def reseeded(folder: pathlib.Path, seed: int) -> None:
  """Gives a run's configuration another seed."""
  file = folder / 'config.json'
  config = config_lib.from_json(file.read_text(), str(file))
  file.write_text(
    config_lib.to_json(
      dataclasses.replace(config, train=dataclasses.replace(config.train, seed=seed))
    )
  )
