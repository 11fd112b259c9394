"""Dividing examples into splits."""

import collections
import pathlib

from hypothesis import given, settings, strategies as st
import pytest

from cyclegan_jax import errors
from datasets.folder import config as config_lib, splits
from tests.datasets.test_folder_layouts import all_ids, ids, put, put_pairs

NOWHERE = pathlib.Path('nowhere')


def assign(names, method):
  return splits.assign(NOWHERE, [dict.fromkeys(names, ())], method)[0]


@settings(max_examples=100, deadline=None)
@given(st.sets(st.text('abc/é', min_size=1, max_size=6), min_size=1, max_size=40))
def test_hash_splits_are_complete_and_never_empty(names):
  chosen = assign(names, 'hash')
  assert chosen.keys() == names
  if len(names) >= 3:
    assert set(chosen.values()) == set(splits.SPLITS)
  else:
    assert set(chosen.values()) == {'train'}
  assert chosen == assign(sorted(names, reverse=True), 'hash')


def test_hash_splits_have_the_stated_shares_and_do_not_depend_on_other_files():
  names = [f'frame{i}' for i in range(3000)]
  chosen = assign(names, 'hash')
  counts = collections.Counter(chosen.values())
  assert abs(counts['train'] - 2400) < 70
  assert abs(counts['validation'] - 300) < 60
  fewer = assign(names[::2], 'hash')
  assert all(chosen[name] == split for name, split in fewer.items())


def test_hash_is_fixed_for_all_time():
  # printf frame0 | sha256sum; a change would move examples between users' splits.
  assert splits.unit_hash('frame0') == 0x765FA47CD168 / 2**48


def test_sequences_are_kept_together():
  names = [f'set{i}/V{j}/frame{k}' for i in range(4) for j in range(5) for k in range(6)]
  chosen = assign(names, 'sequence')
  by_sequence = collections.defaultdict(set)
  for name, split in chosen.items():
    by_sequence[splits.sequence_of(name)].add(split)
  assert all(len(found) == 1 for found in by_sequence.values())
  assert set(chosen.values()) == set(splits.SPLITS)


def test_too_few_sequences_are_refused(tmp_path):
  put_pairs(tmp_path, *[(f'rgb/{s}/{i}.png', f'ir/{s}/{i}.png') for s in 'ab' for i in range(3)])
  with pytest.raises(errors.UserError, match=r"--split_by=sequence.*2 sequence.*'a', 'b'"):
    config_lib.folder_config(tmp_path, split_by='sequence')
  put_pairs(tmp_path, ('rgb/c/0.png', 'ir/c/0.png'))
  config = config_lib.folder_config(tmp_path, split_by='sequence')
  assert sorted(ids(config)) == ['test', 'train', 'validation']
  assert any('--split_by=sequence' in note for note in config_lib.folder_config(tmp_path).notes)


@pytest.mark.parametrize('validation', ['val', 'Validation', None])
def test_folders(tmp_path, validation):
  names = ['train', 'TEST'] + ([validation] if validation else [])
  put_pairs(
    tmp_path, *[(f'visible/{n}/{i}.png', f'infrared/{n}/{i}.png') for n in names for i in range(12)]
  )
  config = config_lib.folder_config(tmp_path)
  found = ids(config)
  assert config.split_by == 'folder'
  assert found['test'] == sorted(f'TEST/{i}' for i in range(12))
  if validation:
    assert found['validation'] == sorted(f'{validation}/{i}' for i in range(12))
  else:
    assert 1 <= len(found['validation']) <= 5
    assert sorted(found['train'] + found['validation']) == sorted(f'train/{i}' for i in range(12))


def test_folder_splits_that_do_not_cover_everything_are_refused(tmp_path):
  put_pairs(tmp_path, ('rgb/train/0.png', 'ir/train/0.png'), ('rgb/1.png', 'ir/1.png'))
  with pytest.raises(errors.UserError, match="1 of 2 images.*such as '1'.*--split_by=hash"):
    config_lib.folder_config(tmp_path)
  assert all_ids(config_lib.folder_config(tmp_path, split_by='hash')) == ['1', 'train/0']


def test_methods_that_are_unknown_or_have_nothing_to_go_by(tmp_path):
  put_pairs(tmp_path, ('rgb/0.png', 'ir/0.png'))
  for method, message in (
    ('random', '--split_by=random: must be one of auto'),
    ('list', '--split_by=list: none of train.txt'),
    ('folder', '--split_by=folder: no folder named train'),
  ):
    with pytest.raises(errors.UserError, match=message):
      config_lib.folder_config(tmp_path, split_by=method)


def test_lists(tmp_path):
  put_pairs(tmp_path, *[(f's/{i}_RGB.jpg', f's/{i}_PreviewData.jpeg') for i in 'abcde'])
  (tmp_path / 'train.txt').write_text('\ufeff# a comment\na\n\n s/b \r\n')
  (tmp_path / 'val.txt').write_text('./s/c_RGB.jpg\n')
  (tmp_path / 'test.txt').write_text('d_PreviewData.jpeg\n')
  config = config_lib.folder_config(tmp_path)
  assert config.split_by == 'list'
  assert ids(config) == {'train': ['s/a', 's/b'], 'validation': ['s/c'], 'test': ['s/d']}
  assert config.notes == ('1 of 5 examples are in none of the lists and are left out.',)


def test_a_train_list_alone_gives_some_to_validation(tmp_path):
  put_pairs(tmp_path, *[(f'rgb/{i}.png', f'ir/{i}.png') for i in 'abcd'])
  (tmp_path / 'train.txt').write_text('a\nb\nc\nd\n')
  found = ids(config_lib.folder_config(tmp_path))
  assert len(found['validation']) == 1 and len(found['train']) == 3


@pytest.mark.parametrize(
  'content, message',
  [
    (b'a\nnowhere.png\n', "test.txt, line 2: 'nowhere.png' is no"),
    (b'same\n', "test.txt, line 1: 'same' fits 2 images"),
    (b'a\nb\n', "test.txt, line 2: 'b' is in the list of train too"),
    (b'lone\n', "test.txt, line 1: 'lone' is no"),
    (b'\x81\xff', 'test.txt: cannot be read'),
  ],
)
def test_bad_lists(tmp_path, content, message):
  put_pairs(tmp_path, *[(f'rgb/{i}.png', f'ir/{i}.png') for i in ('a', 'b', 'x/same', 'y/same')])
  put(tmp_path, 'ir/lone.png')
  (tmp_path / 'train.txt').write_text('b\n')
  (tmp_path / 'test.txt').write_bytes(content)
  with pytest.raises(errors.UserError, match=message):
    config_lib.folder_config(tmp_path)


def test_collections_that_are_not_pairs_are_split_each_by_itself(tmp_path):
  put(tmp_path, *[f'rgb/r{i}.png' for i in range(5)], channels=3)
  put(tmp_path, *[f'ir/t{i}.png' for i in range(7)])
  found = ids(config_lib.folder_config(tmp_path, paired=False))
  assert sorted(found) == sorted(f'{s}_{d}' for s in splits.SPLITS for d in ('rgb', 'ir'))
  assert sum(len(v) for k, v in found.items() if k.endswith('_rgb')) == 5
  (tmp_path / 'train.txt').write_text('r0\nr1\nt0\nt1\n')
  (tmp_path / 'test.txt').write_text('rgb/r2.png\nt5\n')
  found = ids(config_lib.folder_config(tmp_path, paired=False))
  assert found['test_rgb'] == ['r2'] and found['test_ir'] == ['t5']
  assert len(found['validation_rgb']) == len(found['train_ir']) == 1
