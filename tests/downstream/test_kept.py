"""Instruments that studies of several models share."""

import dataclasses

import jax
import numpy as np
import pytest

from cyclegan_jax.downstream import kept, results, training
from cyclegan_jax.downstream.training import Recipe
from tests.downstream import made_up
from tests.downstream.made_up import study_of

RECIPE = Recipe(width=4, steps=2, batch_size=2)
IMAGES = np.arange(2 * 16 * 24, dtype=np.uint8).reshape(2, 16, 24)
LABELS = (IMAGES // 100).astype(np.uint8)


def trained(seed=0):
  return training.train(IMAGES, LABELS, 255.0, 3, RECIPE, seed)


def test_what_was_kept_is_the_same_network(tmp_path):
  file, ours = tmp_path / 'new' / 'a.npz', trained()
  kept.save(file, ours)
  theirs = kept.load(file, 255.0, 3, RECIPE)
  jax.tree.map(np.testing.assert_array_equal, ours.params, theirs.params)
  jax.tree.map(np.testing.assert_array_equal, ours.statistics, theirs.statistics)
  np.testing.assert_array_equal(ours(IMAGES), theirs(IMAGES))


def test_files_that_do_not_serve_are_passed_over(tmp_path):
  file = tmp_path / 'a.npz'
  assert kept.load(file, 255.0, 3, RECIPE) is None
  kept.save(file, trained())
  assert kept.load(file, 255.0, 4, RECIPE) is None
  whole = file.read_bytes()
  for content in (b'', whole[:100], whole[:-10], b'PK' + whole):
    file.write_bytes(content[:-3])
    assert kept.load(file, 255.0, 3, RECIPE) is None
  # Within what is compressed.
  for place in range(len(whole) // 10, len(whole) // 2, len(whole) // 10):
    file.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) * 8 + whole[place + 8 :])
    assert kept.load(file, 255.0, 3, RECIPE) is None


def test_files_are_named_after_all_that_decides(tmp_path):
  base = (IMAGES, LABELS, 255.0, 3, RECIPE, 0)
  changed = {
    0: [IMAGES + np.uint8(1), IMAGES.astype(np.uint16), IMAGES[:1], IMAGES.swapaxes(1, 2)],
    1: [LABELS[::-1]],
    2: [65535.0],
    3: [4],
    4: [dataclasses.replace(RECIPE, steps=3)],
    5: [1],
  }
  all_arguments = [base]
  for place, values in changed.items():
    all_arguments += [(*base[:place], value, *base[place + 1 :]) for value in values]
  files = {kept.file(tmp_path, *arguments) for arguments in all_arguments}
  assert len(files) == len(all_arguments)
  assert kept.file(tmp_path, IMAGES.copy(), LABELS.copy(), *base[2:]) in files


@pytest.mark.slow
def test_the_second_study_trains_only_what_learns_from_its_model(tmp_path, monkeypatch):
  data, shared = made_up.dataset(), tmp_path / 'instruments'
  alone, _ = study_of(tmp_path / 'alone', data, perfect=False)
  study_of(tmp_path / 'first', data, instruments=shared)
  # Real IR, luminance, and few real images, with two seeds.
  files = {file: file.stat().st_mtime_ns for file in shared.iterdir()}
  assert len(files) == 6
  seeds = []
  train = training.train

  def counted(*arguments):
    seeds.append(arguments)
    return train(*arguments)

  monkeypatch.setattr('cyclegan_jax.downstream.study.train', counted)
  second, said = study_of(tmp_path / 'second', data, perfect=False, instruments=shared)
  # The first one compiles.
  assert len(seeds) == 1 + 2 * 2 and any(line.startswith('10/10') for line in said)
  assert {file: file.stat().st_mtime_ns for file in shared.iterdir()} == files
  model = made_up.model(data, perfect=False)
  assert results.result(second, model) == results.result(alone, model)
