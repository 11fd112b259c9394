"""Writes radiometric files as plain folders of images, for any program."""

import pathlib

import numpy as np

from cyclegan_jax import files
from cyclegan_jax.image_files import images
from cyclegan_jax.progress import Log, tracked
from datasets import storing
from datasets.camera import examples, parameters, survey
from datasets.camera.survey import Survey

RGB, IR, MASK = 'rgb', 'ir', 'mask'


def write(found: Survey, output: pathlib.Path, log: Log) -> None:
  """Writes the images of a survey, each file whole or not at all, and the table of parameters.

  RGB images are PNG files of 8 bits, IR images of 16 bits with the span in their metadata, and
  masks of 8 bits: 255 where a pair has data, 0 elsewhere. Files without a photograph give an IR
  image alone. Masks are written for pairs that have pixels without data.
  """
  made = storing.made_ahead(found.files, lambda one: examples.read(one, found.span))
  texts = survey.span_texts(found.span)
  for one, example in tracked(made, len(found.files), 'Writing', log, unit='files'):
    contents = {IR: images.encode_png(example.ir, texts)}
    if one.is_pair:
      contents[RGB] = images.encode_png(example.rgb)
    if not example.mask.all():
      mask = np.where(example.mask, np.uint8(255), np.uint8(0))
      contents[MASK] = images.encode_png(mask)
    for folder, data in contents.items():
      _put(output / folder / f'{one.file.id}.png', data)
  parameters.write(output / parameters.CSV, found.files, {}, found.span)


def _put(path: pathlib.Path, data: bytes) -> None:
  path.parent.mkdir(parents=True, exist_ok=True)
  files.write_bytes(path, data)
