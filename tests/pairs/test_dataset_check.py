"""Checks of whole data sets: order, duplicates, tables and the page."""

import csv
import json

import numpy as np
import pytest

from cyclegan_jax.errors import UserError
from cyclegan_jax.pairs import dataset_check
from cyclegan_jax.pairs.flags import Thresholds
from tests.pairs.made_up import dataset, gray_rgb, shifted, texture


@pytest.fixture(scope='module', name='suspects')
def _suspects():
  """One pair of each kind; ids tell what is wrong."""
  good = [texture(seed=seed) for seed in range(5)]
  return dataset(
    [
      ('good', gray_rgb(good[0]), 255 - good[0]),
      ('a twin', gray_rgb(good[1]), 200 - good[1] // 2),
      ('shifted', *shifted(gray_rgb(good[2]), 255 - good[2], 6, 0)),
      ('more <b>shifted</b>', *shifted(gray_rgb(good[3]), 255 - good[3], 0, 12)),
      ('black', gray_rgb(good[4]), np.zeros_like(good[4])),
      ('b twin', gray_rgb(good[1]), 255 - good[1]),
    ],
    name='<script>',
  )


def test_files(suspects, tmp_path):
  said = []
  pairs = dataset_check.check(suspects, said.append)
  content = dataset_check.summary(pairs, suspects, Thresholds())
  folder = tmp_path / 'new' / 'folder'
  dataset_check.write(folder, pairs, content)
  assert sorted(path.name for path in folder.iterdir()) == ['pairs.csv', 'pairs.json']
  with (folder / 'pairs.csv').open(newline='') as lines:
    rows = list(csv.DictReader(lines))
  assert list(rows[0])[:5] == ['id', 'shift_x', 'shift_y', 'score', 'flags']
  ids = [row['id'] for row in rows]
  assert ids[:3] == ['black', 'more <b>shifted</b>', 'shifted']
  assert sorted(ids[3:5]) == ['a twin', 'b twin'] and ids[5] == 'good'
  assert rows[0]['shift_x'] == '' and float(rows[2]['shift_x']) == pytest.approx(6, abs=0.3)
  twin = rows[ids.index('a twin')]
  assert twin['details'] == 'duplicated: rgb as b twin' and twin['split'] == 'train'
  assert rows[5]['flags'] == '' and rows[5]['turn'] == '0'
  low, high = int(rows[5]['ir_min']), int(rows[5]['ir_max'])
  assert 0 <= low < high <= 255
  assert float(rows[5]['ir_share']) == pytest.approx((high - low) / 255, abs=1e-4)
  stored = json.loads((folder / 'pairs.json').read_text())
  assert stored['pairs'] == 6 and stored['flagged'] == 5 and stored['flags']['misaligned'] == 2
  assert stored['thresholds']['shift'] == Thresholds().shift


def test_refused(suspects):
  gray = texture(40, 40)
  with pytest.raises(UserError, match='no pairs to check'):
    dataset_check.check(dataset([]), print)
  with pytest.raises(UserError, match='unrelated collections'):
    dataset_check.check(dataset([('x', gray_rgb(gray), gray)], aligned=False), print)
  with pytest.raises(UserError, match='x: RGB is 40x40, IR 30x40 pixels'):
    dataset_check.check(dataset([('x', gray_rgb(gray), gray[:30])]), print)
