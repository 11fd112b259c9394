"""Which IR images lend RGB images their style."""

import collections

import numpy as np
import pytest

from cyclegan_jax.data import pipeline, sequences
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig
from cyclegan_jax.training.step import parallel
import datasets
from tests.conftest import make_pairs


def records(*names):
  return [{'id': f'{i}'.encode(), 'sequence': name.encode()} for i, name in enumerate(names)]


def test_partners_are_all_ir_images_of_the_sequence():
  found = sequences.partners(records('a', 'b', 'a'), records('b', 'a', 'c', 'a', 'a'), False)
  assert [group.tolist() for group in found.groups] == [[1, 3, 4], [0], [1, 3, 4]]
  assert found.sequences == 2
  rng = np.random.default_rng(0)
  counts = collections.Counter(found.draw(0, rng) for _ in range(3000))
  assert set(counts) == {1, 3, 4} and min(counts.values()) > 900
  assert 'exchanged within 2 sequences' in found.text() and '2.3 IR images' in found.text()


def test_pairs_without_a_sequence_are_each_their_own():
  given = records('', 'a', '', 'a')
  found = sequences.partners(given, given, True)
  assert [group.tolist() for group in found.groups] == [[0], [1, 3], [2], [1, 3]]
  assert found.sequences == 3
  alone = records('', '')
  assert 'its own IR image' in sequences.partners(alone, alone, True).text()


@pytest.mark.parametrize(
  'rgb, ir, cause',
  [
    (['a', 'b', 'b'], ['a'], 'RGB image 1 shows: its sequence b has no IR image .as for 1 others'),
    (['', 'a'], ['', 'a'], 'RGB image 0 shows: it is in no sequence. Styles'),
  ],
)
def test_unrelated_images_need_sequences(rgb, ir, cause):
  with pytest.raises(UserError, match=cause) as refused:
    sequences.partners(records(*rgb), records(*ir), False)
  assert 'rgb/street_1 and ir/street_1' in str(refused.value)
  assert '--preset=cyclegan' in str(refused.value)


def test_rows_of_batches_are_of_one_sequence(tmp_path, data_dir):
  source = make_pairs(tmp_path / 'pairs', 12)
  for name in ('rgb', 'ir'):
    for i, file in enumerate(sorted((source / name).glob('*.png'))):
      place = source / name / f'street_{i // 3}'
      place.mkdir(exist_ok=True)
      file.rename(place / file.name)
  config = DataConfig(
    dataset='folder', source_dir=str(source), data_dir=str(data_dir), image_size=(16, 16)
  )
  dataset = datasets.open_dataset(config)
  n, seed = len(dataset.splits['train']), 3
  drawn = pipeline._crops(dataset, 'train', config, seed, True, False, True)
  examples = [drawn[i] for i in range(8 * n)]
  assert all(one['sequence'] == one['ir_sequence'] != '' for one in examples)
  others = sum(one['id'] != one['ir_id'] for one in examples)
  assert 0 < others < len(examples)
  # The same, whatever the threads.
  batches = iter(
    pipeline.batches(dataset, config, 4, parallel.sharding(), seed=seed, in_sequence=True)
  )
  first = next(batches)
  for row in range(4):
    for name in ('rgb', 'ir'):
      got = np.asarray(first[name]).reshape(4, 16, 16, -1)[row]
      np.testing.assert_array_equal(got, dataset.domains[name].normalize(examples[row][name]))
