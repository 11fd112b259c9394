"""Near duplicates between splits."""

import json

import numpy as np
import pytest

from cyclegan_jax.data.source import Split
from cyclegan_jax.image_files import images
from cyclegan_jax.metrics import distributions
from datasets import leaks


def scene(seed):
  coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
  return np.kron(coarse, np.ones((8, 8, 1), np.uint8))


def test_leak_report_finds_neighbors():
  train = [scene(i) for i in range(20)]
  near = [np.clip(scene(i).astype(int) + 1, 0, 255).astype(np.uint8) for i in (3, 7, 11)]
  report = leaks.leak_report(
    {'train': train, 'validation': [scene(5)], 'test': near + [scene(100)]}
  )
  assert report.distances['validation'] == pytest.approx([0], abs=1e-4)
  assert report.distances['test'][:3] == pytest.approx([1, 1, 1], abs=0.1)
  assert report.distances['test'][3] > 20
  assert 'test: the nearest training frame is' in report.text
  assert '3 frames, 75.0 %, are near duplicates (less than 2)' in report.text


def test_leak_report_is_the_smallest_of_all_distances(monkeypatch):
  monkeypatch.setattr(distributions, '_CHUNK', 4)
  rng = np.random.default_rng(0)
  train, test = (rng.integers(0, 256, (n, 32, 32, 1), dtype=np.uint8) for n in (30, 10))
  report = leaks.leak_report({'train': iter(train), 'test': iter(test)})
  differences = test[:, None].astype(float) - train[None]
  expected = np.sqrt((differences**2).mean((2, 3, 4))).min(1)
  np.testing.assert_allclose(report.distances['test'], expected, rtol=1e-5)


def test_leak_report_of_16_bits_is_in_gray_levels_of_8():
  dark, bright = (np.full((40, 50, 1), 257 * level, np.uint16) for level in (10, 20))
  report = leaks.leak_report({'train': [dark], 'test': [bright], 'validation': []})
  assert report.distances['test'] == pytest.approx([10], abs=1e-3)
  assert 'validation: no frames.' in report.text


def test_leak_report_needs_training_frames():
  with pytest.raises(ValueError, match="images in the split 'train'"):
    leaks.leak_report({'train': [], 'test': [scene(0)]})


def split(name, seeds):
  records = [
    {'rgb': images.encode_png(scene(seed)), 'id': f'{name}/{seed}'.encode()} for seed in seeds
  ]
  return Split(name, records, records, aligned=True)


def test_check_is_kept_in_the_prepared_copy(tmp_path):
  splits = {'train': split('train', [0, 1, 2]), 'test': split('test', [2, 50])}
  text, near = leaks.check(splits, tmp_path)
  assert near == {'test': (1, 2)}
  assert '1 frames, 50.0 %, are near duplicates' in text
  nearest = json.loads((tmp_path / 'leaks.json').read_text())['nearest']
  assert nearest['test']['test/2'] == 0 and nearest['test']['test/50'] > 20
  # Read from the file: other records are not looked at.
  assert leaks.check({**splits, 'test': split('test', [60])}, tmp_path) == (text, near)


def test_nothing_to_compare_with(tmp_path):
  assert leaks.check({'train': split('train', [0])}, tmp_path) == ('', {})
  assert leaks.check({'test': split('test', [0])}, tmp_path) == ('', {})
