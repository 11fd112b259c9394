"""--exclude: pairs that a check has flagged are left out."""

import csv

import pytest

from cyclegan_jax.errors import UserError
from cyclegan_jax.pairs import dataset_check
from cyclegan_jax.settings import DataConfig
import datasets
from datasets.folder import config as config_lib
from tests.conftest import make_pairs


def write(file, flags):
  """A pairs.csv with these flags by id."""
  with file.open('w', newline='') as out:
    writer = csv.writer(out)
    writer.writerow(dataset_check.COLUMNS)
    writer.writerows(
      [id_, '', '', '', text, 'train', '', '', '', ''] for id_, text in flags.items()
    )
  return str(file)


def splits(config):
  return {example.id: split for split, examples in config.examples.items() for example in examples}


def test_flagged_pairs_are_left_out_and_others_stay_in_their_split(pairs, tmp_path):
  file = write(tmp_path / 'pairs.csv', {'003': 'misaligned', '005': '', '007': 'no_match bordered'})
  before, after = (config_lib.folder_config(pairs, exclude=one) for one in ('', file))
  left = {id_: split for id_, split in splits(before).items() if id_ not in ('003', '007')}
  assert splits(after) == left
  assert before.name != after.name
  assert any('2 flagged pairs are left out' in note for note in after.notes)
  assert not any('none of the lists' in note for note in after.notes)


def test_only_what_is_left_out_counts(pairs, tmp_path):
  """Another score in the file, or another place of it, is no other data set."""
  first = write(tmp_path / 'a.csv', {'003': 'misaligned', '005': ''})
  second = write(tmp_path / 'b.csv', {'003': 'no_match', 'elsewhere': 'constant'})
  a, b = (config_lib.folder_config(pairs, exclude=one).name for one in (first, second))
  assert a == b


def test_lists_may_name_excluded_pairs(tmp_path):
  source = make_pairs(tmp_path / 'photos', 6)
  (source / 'train.txt').write_text('000\n001\n002\n003\n')
  (source / 'test.txt').write_text('004\n005\n')
  file = write(tmp_path / 'pairs.csv', {'001': 'constant'})
  found = splits(config_lib.folder_config(source, exclude=file))
  assert set(found) == {'000', '002', '003', '004', '005'}


def test_the_file_of_a_check_is_taken_as_it_is(pairs, data_dir, tmp_path):
  config = DataConfig(dataset='folder', source_dir=str(pairs), data_dir=str(data_dir), paired=True)
  dataset = datasets.open_dataset(config)
  found = dataset_check.check(dataset, lambda line: None)
  found[0].found['no_match'] = 'made up'
  dataset_check.write(tmp_path, found, {})
  chosen = config_lib.folder_config(pairs, exclude=str(tmp_path / dataset_check.CSV))
  assert found[0].id not in splits(chosen)


@pytest.mark.parametrize(
  'content, words',
  [
    (None, ['cannot be read', 'No such file', 'check_pairs']),
    ('name,flags\n000,bad\n', ['no column id', 'pairs.csv']),
    ('id,score\n000,5\n', ['no column flags']),
    ('id,flags\nfoo,constant\n', ["'foo'", "'000'", 'check_pairs']),
    (b'\xff\xfe\x00', ['cannot be read']),
    ('', ['no column id and flags']),
  ],
)
def test_other_files_are_refused_by_name(pairs, tmp_path, content, words):
  file = tmp_path / 'pairs.csv'
  if content is not None:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
  with pytest.raises(UserError) as error:
    config_lib.folder_config(pairs, exclude=str(file))
  for word in [f'--exclude={file}', *words]:
    assert word in str(error.value)


def test_collections_without_pairs_have_none_to_exclude(tmp_path):
  source = make_pairs(tmp_path / 'photos', 6)
  for file in (source / 'ir').iterdir():
    file.rename(file.with_name(f'other{file.name}'))
  file = write(tmp_path / 'pairs.csv', {'001': 'constant'})
  with pytest.raises(UserError, match='two unrelated collections'):
    config_lib.folder_config(source, paired=False, exclude=file)
  # Without a flag there is nothing to leave out.
  assert config_lib.folder_config(source, paired=False, exclude=write(tmp_path / 'x.csv', {}))
