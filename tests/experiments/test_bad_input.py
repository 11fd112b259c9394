"""Flags, images and folders that commands refuse, and the words that they find."""

import PIL.Image
import pytest

from tests.command_line import fails, TINY
from tests.conftest import make_pairs


@pytest.mark.parametrize(
  'flags, words',
  [
    (['--dataset=nosuch'], ['--dataset=nosuch', 'synthetic']),
    ([], ['--dataset is missing']),
    (['--preset=nosuch'], ['--preset=nosuch', 'udacity']),
    (['--dataset=folder', '--source_dir=/nosuch'], ['/nosuch']),
    (['--dataset=folder'], ['--source_dir']),
    (['--dataset=synthetic', '--image_size=big'], ['--image_size=big', 'HEIGHTxWIDTH']),
    (['--dataset=synthetic', '--image_size=128', '--load_size=64'], ['crop is larger']),
    (['--dataset=synthetic', '--batch_size=many'], ['batch_size']),
    (['--dataset=synthetic', 'extra'], ["'extra'"]),
    (
      ['--dataset=synthetic', '--emsn', '--normalization=spectral_channels'],
      ['--emsn and --normalization=spectral_channels contradict', 'only one of them'],
    ),
    (['--preset=demo', '--noemsn', '--ir_band=lwir'], ['--ir_band=lwir', '--normalization=plain']),
    (['--nosuch_flag'], ['nosuch_flag']),
  ],
)
def test_bad_flags(tmp_path, flags, words):
  message = fails('train', f'--workdir={tmp_path / "run"}', *flags)
  for word in words:
    assert word in message
  assert not (tmp_path / 'run').exists()


def spoil_nothing_matches(root):
  for file in (root / 'ir').iterdir():
    file.rename(file.with_name('x' + file.name))


def spoil_sizes(root):
  PIL.Image.new('L', (5, 5)).save(root / 'ir' / '003.png')


def spoil_truncated(root):
  file = root / 'rgb' / '002.png'
  file.write_bytes(file.read_bytes()[:60])


def spoil_zero_bytes(root):
  (root / 'rgb' / '002.png').write_bytes(b'')


def spoil_text(root):
  (root / 'rgb' / '002.png').write_text('hello')


def spoil_empty(root):
  for file in root.rglob('*.png'):
    file.unlink()


@pytest.mark.parametrize(
  'spoil, words',
  [
    (spoil_nothing_matches, ['no matching stems']),
    (spoil_sizes, ['003.png']),
    (spoil_truncated, ['002.png']),
    (spoil_zero_bytes, ['002.png', 'zero bytes']),
    (spoil_text, ['002.png', 'not an image']),
    (spoil_empty, ['raw']),
  ],
)
def test_bad_images_are_refused_before_training(tmp_path, spoil, words):
  spoil(make_pairs(tmp_path / 'raw'))
  message = fails(
    'train',
    '--dataset=folder',
    f'--source_dir={tmp_path / "raw"}',
    f'--data_dir={tmp_path / "data"}',
    f'--workdir={tmp_path / "run"}',
    *TINY,
  )
  for word in words:
    assert word in message
  assert not (tmp_path / 'run').exists()
  assert not list((tmp_path / 'data').rglob('*.array_record*'))


@pytest.mark.parametrize('name', ['evaluate', 'translate'])
def test_a_folder_that_is_no_run(tmp_path, name):
  flags = ['--input=setup.cfg', '--output=x'] if name == 'translate' else []
  assert 'not a run folder' in fails(name, f'--workdir={tmp_path}', *flags)
  assert '--workdir is missing' in fails(name, *flags)
