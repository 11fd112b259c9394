"""Repaired copies: what is repaired, what is left, and that nothing is half written."""

import csv
import dataclasses
import errno
import os

import numpy as np
import pytest

from cyclegan_jax import radiometry
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.pairs import check, dataset_check, repair
from cyclegan_jax.settings import DataConfig
import datasets
from tests.pairs.made_up import dataset, gray_rgb, shifted, texture

REPAIRED = {'swapped_bytes', 'rotated', 'bordered', 'misaligned'}


def deep(gray, low=12000):
  return low + 37 * gray.astype(np.uint16)


def a_pair(seed, height=200, width=280):
  """RGB and 16-bit IR."""
  gray = texture(height, width, seed)
  return gray_rgb(gray), deep(255 - gray)


def repaired(rgb, ir):
  return repair.repaired(check.check_pair(rgb, ir), rgb, ir)


def test_bytes_and_turns_change_ir_alone():
  rgb, ir = a_pair(0)
  made = repaired(rgb, ir.byteswap())
  np.testing.assert_array_equal(made.ir, ir)
  np.testing.assert_array_equal(made.rgb, rgb)
  assert list(made.done) == ['swapped_bytes'] and not made.left
  made = repaired(rgb, np.rot90(ir, 2).byteswap())
  np.testing.assert_array_equal(made.ir, ir)
  assert list(made.done) == ['swapped_bytes', 'rotated']


@pytest.mark.parametrize('x, y', [(9, 0), (-5, 12), (4, -7)])
def test_a_shift_is_undone_by_whole_pixels(x, y):
  """Both are cut to what they share: their pixels are those of the unshifted pair."""
  gray = texture(200, 280)
  rgb, ir = shifted(gray_rgb(gray), 255 - gray, x, y)
  made = repaired(rgb, ir)
  np.testing.assert_array_equal(made.ir, 255 - made.rgb[..., :1])
  height, width = rgb.shape[:2]
  assert made.rgb.shape == (height - abs(y), width - abs(x), 3)
  assert f'IR moved by ({x}, {y})' in made.done['misaligned']


def test_margins_of_either_image_are_cut_from_both():
  gray = texture(200, 280)
  rgb, ir = gray_rgb(gray), 255 - gray
  rgb[:9], ir[:5], ir[:, -20:] = 0, 255, 255
  made = repaired(rgb, ir)
  np.testing.assert_array_equal(made.rgb, gray_rgb(gray)[9:, :-20])
  np.testing.assert_array_equal(made.ir, (255 - gray)[9:, :-20])
  assert made.done == {'bordered': 'both cut: top 9, bottom 0, left 0, right 20'}


def test_what_is_not_certain_is_left():
  gray = texture(200, 280)
  rgb, ir = shifted(gray_rgb(gray), 255 - gray, 9, 0)
  pair = check.check_pair(rgb, ir)
  doubtful = dataclasses.replace(pair, shift=pair.shift._replace(score=5.2))
  made = repair.repaired(doubtful, rgb, ir)
  assert not made.done and made.left == ('misaligned',) and made.ir is ir
  # Of a letterbox of more than three quarters nearly nothing would be left.
  boxed = np.zeros_like(gray)
  boxed[90:110] = 255 - gray[90:110]
  made = repaired(gray_rgb(gray), boxed)
  assert 'bordered' in made.left and made.rgb.shape[:2] == gray.shape[:2]
  # Nor is anything else repaired.
  made = repaired(gray_rgb(gray), np.full_like(gray, 90))
  assert made.done == {} and made.left == ()


def test_a_wrong_turn_is_turned_back():
  rgb, ir = a_pair(0)
  pair = check.check_pair(rgb, ir)
  pair.found['rotated'] = 'made up'
  wrong = dataclasses.replace(pair, turn=2)
  made = repair.repaired(wrong, rgb, ir)
  np.testing.assert_array_equal(made.ir, ir)


@pytest.fixture(scope='module', name='suspects')
def _suspects():
  """Ten pairs; their ids say what is wrong."""
  pairs = [(f's{i % 2}/good {i}', *a_pair(i)) for i in range(5)]
  rgb, ir = a_pair(5)
  pairs.append(('s0/swapped', rgb, ir.byteswap()))
  rgb, ir = a_pair(6)
  pairs.append(('turned', rgb, np.rot90(ir, 2)))
  rgb, ir = a_pair(7)
  ir[:12] = 0
  pairs.append(('framed', rgb, ir))
  pairs.append(('moved', *shifted(*a_pair(8), -7, 5)))
  pairs.append(('strangers', a_pair(9)[0], a_pair(10)[1]))
  return dataset(pairs)


@pytest.fixture(scope='module', name='copy')
def _copy(suspects, tmp_path_factory):
  folder = tmp_path_factory.mktemp('copies') / 'new' / 'copy'
  found = dataset_check.check(suspects, print)
  return folder, repair.write(folder, suspects, found, print)


def test_the_copy(suspects, copy):
  folder, written = copy
  assert written == (dict.fromkeys(REPAIRED, 1), 4, 0)
  assert sorted(path.name for path in folder.parent.iterdir()) == ['copy']
  with (folder / 'repairs.csv').open(newline='') as lines:
    rows = {row['id']: row for row in csv.DictReader(lines)}
  assert len(rows) == 10 and 'swapped' in rows['s0/swapped']['repaired']
  assert rows['s0/good 0']['repaired'] == rows['strangers']['repaired'] == ''
  # What needs no repair is the file as it was stored.
  record = next(r for r in suspects.splits['train'].rgb if r['id'] == b's0/good 0')
  for domain in ('rgb', 'ir'):
    assert (folder / domain / 's0' / 'good 0.png').read_bytes() == record[domain]
  np.testing.assert_array_equal(images.read_image(folder / 'ir/s0/swapped.png'), a_pair(5)[1])


def test_the_copy_is_a_data_set_without_these_flags(suspects, copy, tmp_path):
  folder, _ = copy
  config = DataConfig(
    dataset='folder', source_dir=str(folder), data_dir=str(tmp_path), paired=True, ir_channels=1
  )
  again = datasets.open_dataset(config)
  found = dataset_check.check(again, print)
  assert not REPAIRED & {flag for pair in found for flag in pair.flags}
  assert [pair.id for pair in found if pair.flags] == ['strangers']
  # The splits are those of the original, but for a tenth of train that validates.
  tests = {record['id'] for record in suspects.splits['test'].rgb}
  assert {record['id'] for record in again.splits['test'].rgb} == tests


def test_a_set_without_anything_to_repair_is_copied(tmp_path):
  source = dataset([(str(i), *a_pair(i, 60, 80)) for i in range(2)])
  found = dataset_check.check(source, print)
  assert repair.write(tmp_path / 'copy', source, found, print) == ({}, 0, 0)
  assert len(list((tmp_path / 'copy').rglob('*.png'))) == 4


def test_targets_that_are_refused(tmp_path):
  (tmp_path / 'full').mkdir()
  (tmp_path / 'full' / 'x').touch()
  for name, words in [
    ('full', 'not an empty folder'),
    ('full/x', 'not an empty folder'),
    ('source/copy', '--source_dir='),
    ('', '--source_dir='),
  ]:
    with pytest.raises(UserError, match='--fix=') as caught:
      repair.check_target(tmp_path / name, {'source_dir': str(tmp_path / 'source'), 'output': ''})
    assert words in str(caught.value) or name == ''
  (tmp_path / 'empty').mkdir()
  for name in ('empty', 'new/folder'):
    repair.check_target(tmp_path / name, {'source_dir': str(tmp_path / 'source'), 'output': ''})


def test_masks_are_refused(suspects):
  repair.check_dataset(suspects)
  with pytest.raises(UserError, match='masks of pixels without thermal data'):
    repair.check_dataset(dataclasses.replace(suspects, has_mask=True))


@pytest.mark.parametrize(
  'error, seen',
  [
    (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), UserError),
    (KeyboardInterrupt(), KeyboardInterrupt),
  ],
)
def test_a_full_disk_or_an_interruption_leaves_nothing(tmp_path, monkeypatch, error, seen):
  def fail(*_):
    raise error

  source = dataset([(str(i), *a_pair(i, 60, 80)) for i in range(2)])
  monkeypatch.setattr(repair.files, 'write_csv', fail)
  with pytest.raises(seen) as caught:
    repair.write(tmp_path / 'copy', source, dataset_check.check(source, print), print)
  assert seen is not UserError or 'copy cannot be written: No space left' in str(caught.value)
  assert not list(tmp_path.iterdir())


def test_ids_that_lead_out_of_the_folder_are_refused(tmp_path):
  source = dataset([('../out', *a_pair(0, 60, 80)), ('b', *a_pair(1, 60, 80))])
  found = dataset_check.check(source, print)
  with pytest.raises(UserError, match="'../out'"):
    repair.write(tmp_path / 'in' / 'copy', source, found, print)
  assert not [path for path in tmp_path.rglob('*') if path.is_file()]


def test_a_copy_of_degrees_says_what_its_gray_levels_mean(tmp_path):
  written = repair.Written({'swapped_bytes': 2}, 2, 0)
  said = repair.described(tmp_path, written, 8, radiometry.Range(-20, 120, 'degC'))
  assert '--ir_range=-20:120,degC' in said
  # Counts stay counts, whatever they mean.
  assert '--ir_range' not in repair.described(tmp_path, written, 8, radiometry.Range(0, 9, ''))
