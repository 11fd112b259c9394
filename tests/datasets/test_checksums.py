"""A prepared copy of which a bit has flipped is named, not read."""

import pathlib

import pytest

from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig
import datasets
from tests.conftest import make_pairs


@pytest.fixture(scope='module')
def opened(tmp_path_factory):
  """Opens a small data set, and the folder of its prepared copy."""
  folder = tmp_path_factory.mktemp('checked')
  config = DataConfig(
    dataset='folder', source_dir=str(make_pairs(folder / 'raw')), data_dir=str(folder / 'prepared')
  )
  copy = pathlib.Path(folder, 'prepared', datasets.open_dataset(config).prepared)
  return lambda: datasets.open_dataset(config), copy


def flipped(file, byte, bit=2):
  content = bytearray(file.read_bytes())
  content[byte] ^= 1 << bit
  return bytes(content)


@pytest.mark.parametrize('name', ['dataset_info.json', 'features.json', 'metadata.json'])
@pytest.mark.parametrize('place', ['first', 'middle'])
def test_a_description_with_a_flipped_bit_is_named(opened, name, place):
  open_dataset, copy = opened
  whole = (copy / name).read_bytes()
  (copy / name).write_bytes(flipped(copy / name, 0 if place == 'first' else len(whole) // 2))
  try:
    with pytest.raises(UserError, match=f'{copy}.* is damaged. Delete {copy}'):
      open_dataset()
  finally:
    (copy / name).write_bytes(whole)
  open_dataset()


def test_a_record_with_a_flipped_bit_is_named_when_it_is_read(opened):
  open_dataset, copy = opened
  file = next(copy.glob('*train.array_record*'))
  records = open_dataset().splits['train'].rgb
  expected = [dict(records[i]) for i in range(len(records))]
  whole = file.read_bytes()
  png, refused = expected[3]['rgb'], 0
  # Where nothing compresses, the bytes of the image are in the file as they are.
  places = [whole.find(png[20:40]) + 30] if png[20:40] in whole else range(64, len(whole) // 2, 997)
  for place in places:
    file.write_bytes(flipped(file, place))
    try:
      records = open_dataset().splits['train'].rgb
      assert [dict(records[i]) for i in range(len(records))] == expected
    except UserError as error:
      assert f'{copy} is damaged' in str(error) and 'Delete that folder' in str(error)
      refused += 1
    finally:
      file.write_bytes(whole)
  assert refused


def test_a_file_that_was_cut_short_or_a_note_that_changed_is_named(opened):
  open_dataset, copy = opened
  for file, content in (
    (next(copy.glob('*test.array_record*')), lambda whole: whole[:-1]),
    (copy / 'checksums.json', lambda whole: whole.replace(b'1', b'2', 1)),
  ):
    whole = file.read_bytes()
    file.write_bytes(content(whole))
    try:
      with pytest.raises(UserError, match=f'{file}.* the prepared copy is damaged'):
        open_dataset()
    finally:
      file.write_bytes(whole)


def test_a_copy_that_an_earlier_version_prepared_is_noted(opened):
  open_dataset, copy = opened
  (copy / 'checksums.json').unlink()
  open_dataset()
  assert (copy / 'checksums.json').exists()
