"""Data from which nothing can be learned are noticed; others are not."""

import dataclasses

import numpy as np
import PIL.Image
import pytest

from cyclegan_jax.pairs import degenerate
from cyclegan_jax.settings import DataConfig
import datasets


def opened(folder, make_ir, paired=True):
  rng = np.random.default_rng(0)
  for name in ('rgb', 'ir'):
    (folder / 'pairs' / name).mkdir(parents=True)
  for i in range(12):
    rgb = rng.integers(0, 256, (24, 32, 3), np.uint8)
    PIL.Image.fromarray(rgb).save(folder / 'pairs' / 'rgb' / f'{i}.png')
    PIL.Image.fromarray(make_ir(rgb, i)).save(folder / 'pairs' / 'ir' / f'{i}.png')
  config = DataConfig(
    dataset='folder', source_dir=str(folder / 'pairs'), data_dir=str(folder / 'data'), paired=paired
  )
  return datasets.open_dataset(config)


def luminance(rgb):
  # Pillow's weights, in integers.
  return np.asarray(PIL.Image.fromarray(rgb).convert('L'))


@pytest.mark.parametrize(
  'make_ir, words',
  [
    (lambda rgb, i: np.full(rgb.shape[:2], 7, np.uint8), 'are 7: a constant is perfect'),
    (lambda rgb, i: luminance(rgb), 'luminance of their RGB images'),
    (lambda rgb, i: 255 - luminance(rgb), ''),
    # Each is constant, but they differ.
    (lambda rgb, i: np.full(rgb.shape[:2], i, np.uint8), ''),
    # Some of them are something else.
    (lambda rgb, i: rgb[..., 0] if i % 2 else luminance(rgb), ''),
  ],
)
def test_only_what_is_wrong_with_all_is_said(tmp_path, make_ir, words):
  notes = degenerate.notes(opened(tmp_path, make_ir))
  assert len(notes) == bool(words)
  assert all(words in note for note in notes)


def test_a_split_that_is_not_there_has_no_notes(tmp_path):
  dataset = opened(tmp_path, lambda rgb, i: luminance(rgb))
  assert degenerate.notes(dataclasses.replace(dataset, splits={})) == []
