"""datasets.load and open_dataset: names, options, collections without pairs, 16 bit."""

import subprocess
import sys

import numpy as np
import PIL.Image
import pytest
import tensorflow_datasets as tfds

from cyclegan_jax.data import pipeline
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig
import datasets
from tests.conftest import REPOSITORY


@pytest.mark.parametrize(
  'config, words',
  [
    (DataConfig(), ['--dataset is missing', 'folder', 'synthetic']),
    (DataConfig(dataset='nosuch'), ['--dataset=nosuch', 'folder', 'synthetic']),
    (DataConfig(dataset='folder'), ['--source_dir']),
    (DataConfig(dataset='aau'), ['--source_dir', 'calibVars.yml']),
    (DataConfig(dataset='folder', source_dir='/nosuch/folder'), ['/nosuch/folder']),
    (DataConfig(dataset='synthetic', source_dir='x'), ['--source_dir']),
  ],
)
def test_bad_requests_are_explained(config, words):
  with pytest.raises(UserError) as error:
    datasets.open_dataset(config)
  for word in words:
    assert word in str(error.value)


def test_osu_without_a_folder_is_downloaded_or_the_way_by_hand_is_told(tmp_path, monkeypatch):
  monkeypatch.setattr('datasets.osu.download.BASE_URL', 'http://127.0.0.1:9/')
  with pytest.raises(UserError) as error:
    datasets.open_dataset(DataConfig(dataset='osu', data_dir=str(tmp_path)))
  for word in ('http://127.0.0.1:9/1a.zip', str(tmp_path / 'downloads' / 'osu'), '--source_dir'):
    assert word in str(error.value)


def test_unknown_option():
  with pytest.raises(UserError, match='image_width'):
    datasets.load('synthetic', image_width=3)


@pytest.mark.parametrize(
  'options, words',
  [
    (dict(image_size=(16, 16), load_size=(8, 8)), 'crop is larger'),
    (dict(image_size=128), '--image_size=128'),
    (dict(resize='foo'), '--resize=foo'),
    (dict(rgb_channels=2), '--rgb_channels=2'),
    (dict(image_size=(32, 32), resize='none'), 'crop is larger than the image'),
  ],
)
def test_bad_options(pairs, data_dir, options, words):
  with pytest.raises(UserError, match=words):
    datasets.load('folder', source_dir=str(pairs), data_dir=str(data_dir), **options)


def test_incomplete_copy_is_named(pairs, tmp_path):
  load = lambda: datasets.load('folder', source_dir=str(pairs), data_dir=str(tmp_path))
  load()
  next(tmp_path.rglob('folder-test*')).unlink()
  with pytest.raises(UserError, match='folder-test.* is missing. Delete that folder'):
    load()


def test_damaged_copy_is_named(pairs, tmp_path):
  load = lambda: datasets.load('folder', source_dir=str(pairs), data_dir=str(tmp_path))
  load()
  file = next(tmp_path.rglob('folder-train*'))
  file.write_bytes(file.read_bytes()[:100])
  with pytest.raises(UserError, match='prepared copy is damaged. Delete '):
    load()


@pytest.mark.parametrize(
  'options, words',
  [
    (
      dict(dataset='osu', options={'registration': 'depth'}),
      ['--registration=depth', '--dataset=osu', 'aau'],
    ),
    (dict(dataset='folder', mask='crop'), ['--mask=crop', 'osu and aau']),
    (dict(dataset='synthetic', options={'split_by': 'hash'}), ['--split_by=hash', 'folder']),
    (dict(dataset='aau', rgb_dir='x'), ['--rgb_dir=x', 'folder']),
    (dict(dataset='osu', options={'nosuch': 1}), ['--nosuch=1', '--dataset=osu']),
    (dict(dataset='aau', options={'split_by': 'location'}), ['--split_by=location', 'sequence']),
    (dict(dataset='aau', options={'plane_depth': 0.0}), ['--plane_depth=0.0', 'above 0']),
    (
      dict(dataset='aau', mask='crop', options={'registration': 'depth'}),
      ['--mask=crop', '--registration=depth'],
    ),
  ],
)
def test_settings_of_another_data_set_are_refused(options, words):
  with pytest.raises(UserError) as error:
    datasets.open_dataset(DataConfig(**options))
  for word in words:
    assert word in str(error.value)


PREPARE = """
import sys
import datasets
print(datasets.load('folder', source_dir=sys.argv[1], data_dir=sys.argv[2])[0]['id'])
"""


def test_several_processes_prepare_at_once(pairs, tmp_path):
  """One prepares, the others wait and use its copy."""
  processes = [
    subprocess.Popen(
      [sys.executable, '-c', PREPARE, str(pairs), str(tmp_path)],
      cwd=REPOSITORY,
      text=True,
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
    )
    for _ in range(3)
  ]
  said = [process.communicate(timeout=120) for process in processes]
  assert [process.returncode for process in processes] == [0] * 3, said
  assert len({out.splitlines()[-1] for out, _ in said}) == 1
  assert not list(tmp_path.rglob('incomplete*'))


def test_a_refused_preparation_leaves_no_folder(tmp_path):
  (tmp_path / 'raw' / 'rgb').mkdir(parents=True)
  (tmp_path / 'raw' / 'ir').mkdir()
  for name in ('rgb', 'ir'):
    for i in range(4):
      PIL.Image.fromarray(np.full((8, 8), 9 * i, np.uint8)).save(
        tmp_path / 'raw' / name / f'{i}.png'
      )
  bad = tmp_path / 'raw' / 'ir' / '2.png'
  bad.write_bytes(bad.read_bytes()[:40])
  with pytest.raises(UserError, match='2.png'):
    datasets.load('folder', source_dir=str(tmp_path / 'raw'), data_dir=str(tmp_path / 'data'))
  assert not [
    path
    for path in (tmp_path / 'data').rglob('*')
    if path.name != '.lock' and path != tmp_path / 'data' / 'folder'
  ]


def test_gray_rgb_is_luminance(pairs, tmp_path):
  load = lambda **options: datasets.load(
    'folder',
    'train',
    source_dir=str(pairs),
    data_dir=str(tmp_path),
    image_size=(16, 16),
    paired=True,
    **options,
  )
  rendered, gray = load(), load(rgb_channels=1)
  # Luminance before or after the resizing: a rounding of either apart.
  want = rendered[0]['rgb'] @ [[0.299], [0.587], [0.114]]
  np.testing.assert_allclose(gray[0]['rgb'], want, atol=1.6 / 127.5)


def test_builders_are_registered_with_tfds():
  known = tfds.list_builders(with_community_datasets=False)
  assert {'osu', 'aau', 'folder', 'synthetic'} <= set(known)


def test_one_prepared_copy_serves_paired_and_unpaired(pairs, tmp_path):
  load = lambda **kwargs: datasets.load(
    'folder', 'train', source_dir=str(pairs), data_dir=str(tmp_path), **kwargs
  )
  paired, unpaired = load(paired=True), load(paired=False)
  assert len(list((tmp_path / 'folder').glob('pairs*'))) == 1
  assert paired[0]['id'] == paired[0]['ir_id']
  assert any(unpaired[i]['id'] != unpaired[i]['ir_id'] for i in range(5))


def test_unrelated_collections_train_unpaired_only(tmp_path):
  rng = np.random.default_rng(0)
  for folder, n in (('trainA', 6), ('trainB', 9), ('testA', 2), ('testB', 3)):
    (tmp_path / 'raw' / folder).mkdir(parents=True)
    for i in range(n):
      PIL.Image.fromarray(rng.integers(0, 256, (8, 8 + n), np.uint8)).save(
        tmp_path / 'raw' / folder / f'{folder}{i}.png'
      )
  config = DataConfig(
    dataset='folder',
    source_dir=str(tmp_path / 'raw'),
    image_size=(8, 8),
    data_dir=str(tmp_path / 'prepared'),
  )
  dataset = datasets.open_dataset(config)
  assert not dataset.splits['test'].aligned and len(dataset.splits['test']) == 3
  example = pipeline.examples(dataset, 'train', config, train=True)[0]
  assert 'trainA' in example['id'] and 'trainB' in example['ir_id']
  assert example['rgb'].shape == (8, 8, 3) and example['ir'].shape == (8, 8, 1)
  with pytest.raises(UserError, match='unrelated collections'):
    pipeline.examples(dataset, 'test', config)


def test_sixteen_bit_infrared_keeps_its_values(tmp_path):
  rng = np.random.default_rng(0)
  values = {}
  for name in ('rgb', 'ir'):
    (tmp_path / 'raw' / name).mkdir(parents=True)
  for i in range(3):
    values[str(i)] = rng.integers(0, 65536, (8, 8), np.uint16)
    PIL.Image.fromarray(values[str(i)]).save(tmp_path / 'raw' / 'ir' / f'{i}.png')
    PIL.Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(
      tmp_path / 'raw' / 'rgb' / f'{i}.png'
    )
  example = datasets.load(
    'folder',
    'train',
    emsn=True,
    source_dir=str(tmp_path / 'raw'),
    data_dir=str(tmp_path / 'prepared'),
    image_size=(8, 8),
  )[0]
  np.testing.assert_array_equal(
    np.rint((example['ir'][..., 0] + 1) * 32767.5), values[example['id']]
  )


def test_unwritable_data_dir_is_named(pairs, tmp_path):
  (tmp_path / 'file').write_text('')
  with pytest.raises(UserError, match='--data_dir'):
    datasets.open_dataset(
      DataConfig(dataset='folder', source_dir=str(pairs), data_dir=str(tmp_path / 'file'))
    )
