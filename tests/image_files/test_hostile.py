"""Files that are damaged or made to harm are read correctly or refused by name."""

import io
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tracemalloc
import zipfile

from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from cyclegan_jax import errors
from cyclegan_jax.image_files import decoding, images
from cyclegan_jax.inference.files import inputs
from datasets import archives
from datasets.folder import config as config_lib
from experiments import flags
from tests.image_files import corpus, damage

pytestmark = pytest.mark.filterwarnings('ignore')  # Pillow comments on the damage.

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SAMPLES = corpus.samples()
NAMES = ('a b', 'two\nlines', 'a"quo\'te', 'ü 図 é', 'x' * 240, '-f', '$(true)', '%s{}', '*')


@pytest.fixture
def one_megapixel():
  decoding.limit_megapixels(1)
  yield
  decoding.limit_megapixels(flags.MAX_MEGAPIXELS.default)


@pytest.fixture
def no_waiting():
  """Whatever waits for another process is interrupted."""

  def stop(*_):
    raise AssertionError('it hangs')

  before = signal.signal(signal.SIGALRM, stop)
  signal.alarm(10)
  yield
  signal.alarm(0)
  signal.signal(signal.SIGALRM, before)


def read_or_refused(data):
  """Reads bytes; whatever is raised has to be an ImageError with the name."""
  try:
    pixels = images.read_image(data, 'the name')
  except images.ImageError as error:
    assert str(error).startswith('the name: ')
    return
  assert pixels.dtype in (np.uint8, np.uint16)
  assert pixels.ndim == 3 and pixels.shape[2] in (1, 3) and pixels.size


def special(path, kind):
  """Puts something at a path that is no file."""
  if kind == 'fifo':
    os.mkfifo(path)
  elif kind == 'socket':
    os.chdir(path.parent)  # Addresses have to be short.
    socket.socket(socket.AF_UNIX).bind(path.name)
  elif kind == 'device':
    path.symlink_to('/dev/zero')
  else:
    path.symlink_to(path.name if kind == 'loop' else 'nowhere.png')


@pytest.mark.parametrize('sample', SAMPLES, ids=lambda s: f'{s.format}: {s.kind}')
def test_every_kind_is_read_correctly_or_refused(tmp_path, sample):
  path = tmp_path / 'one.png'  # Content counts, not names.
  path.write_bytes(sample.data)
  if sample.expected is None:
    with pytest.raises(images.ImageError, match='one.png: '):
      images.read_image(path)
    return
  for source in (path, sample.data):
    got = images.read_image(source)
    assert got.shape == sample.expected.shape and got.dtype == sample.expected.dtype
    np.testing.assert_allclose(got.astype(int), sample.expected, atol=sample.tolerance)
  assert images.image_header(path) == (*sample.expected.shape, sample.expected.dtype)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([s.data[:8] for s in SAMPLES] + [b'']))
def test_any_bytes(content, start):
  read_or_refused(start + content)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SAMPLES), st.floats(0, 1))
def test_truncation_anywhere(sample, place):
  read_or_refused(sample.data[: int(place * len(sample.data))])


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 2**32))
def test_damage_of_every_kind(number):
  read_or_refused(damage.case(SAMPLES, 0, number)[2])


def test_length_of_a_chunk_reserves_no_memory(tmp_path):
  """Pillow asks a file for all that a chunk claims to have, and Python reserves it."""
  sample = next(s for s in SAMPLES if s.kind == 'palette, transparent')
  start = sample.data.index(b'IDAT') - 4
  path = tmp_path / 'long.png'
  path.write_bytes(sample.data[:start] + b'\xff' * 4 + sample.data[start + 4 :])
  tracemalloc.start()
  try:
    with pytest.raises(images.ImageError, match='long.png.*cut off'):
      images.image_header(path)
    assert tracemalloc.get_traced_memory()[1] < 2**20
  finally:
    tracemalloc.stop()


def test_second_opinion_on_the_size_of_a_deep_tiff_is_not_followed():
  """Of a repeated tag Pillow and libtiff may take different ones."""
  data = corpus.tiff(corpus.GRAY16, byteorder='<')
  (start,) = struct.unpack_from('<I', data, 4)
  (count,) = struct.unpack_from('<H', data, start)
  entries = data[start + 2 : start + 2 + 12 * count]
  for wide in (struct.pack('<HHII', 256, 4, 1, 2**26), struct.pack('<HHII', 277, 4, 1, 60_000)):
    for both in (wide + entries, entries + wide):
      read_or_refused(
        data[:4]
        + struct.pack('<I', len(data))
        + data[8:]
        + struct.pack('<H', count + 1)
        + both
        + bytes(4)
      )


def test_limit_of_the_size(one_megapixel, tmp_path):
  fits = corpus.png(np.zeros((1000, 1999, 1), np.uint8), 0)
  assert images.read_image(fits).shape == (1000, 1999, 1)
  path = tmp_path / 'wide.png'
  path.write_bytes(corpus.png(np.zeros((1000, 2000, 1), np.uint8), 0))
  for read in (images.read_image, images.image_header, images.is_plain):
    with pytest.raises(images.ImageError, match='wide.png: 2000x1000.*--max_megapixels=1'):
      read(path)
  os.truncate(path, 40 * 10**6)
  with pytest.raises(images.ImageError, match='wide.png: 40000000 bytes.*--max_megapixels=1'):
    images.read_image(path)


def test_limit_can_be_raised():
  bomb = next(s.data for s in SAMPLES if s.kind == 'bomb')
  decoding.limit_megapixels(2500)
  try:
    with decoding.opened_image(io.BytesIO(bomb), 'bomb') as opened:
      assert opened.header[:2] == (50_000, 50_000)
  finally:
    decoding.limit_megapixels(flags.MAX_MEGAPIXELS.default)


def test_flag_reaches_the_images_of_a_command(tmp_path):
  assert flags.MAX_MEGAPIXELS.default == decoding.MAX_PIXELS // 10**6
  for name in ('rgb', 'ir'):
    (tmp_path / name).mkdir()
    (tmp_path / name / '1.png').write_bytes(corpus.png(np.zeros((1000, 2000, 1), np.uint8), 0))
  result = subprocess.run(
    [
      sys.executable,
      '-m',
      'experiments.check_pairs',
      '--dataset=folder',
      '--max_megapixels=1',
      f'--source_dir={tmp_path}',
      f'--output={tmp_path / "out"}',
      f'--data_dir={tmp_path / "d"}',
    ],
    cwd=REPOSITORY,
    capture_output=True,
    text=True,
  )
  assert result.returncode == 2
  assert '1.png: 2000x1000 pixels' in result.stderr and '--max_megapixels=1' in result.stderr


def zipped(path, name, content, method=zipfile.ZIP_DEFLATED):
  with zipfile.ZipFile(path, 'w', method) as archive:
    archive.writestr(name, content)
  return path


def test_members_of_zips_are_limited(one_megapixel, monkeypatch, tmp_path):
  monkeypatch.setattr(archives, '_MAX_TEXT_BYTES', 1000)
  zipped(tmp_path / 'a.zip', 'bomb.png', bytes(40 * 10**6))
  zipped(tmp_path / 'b.zip', 'bomb.csv', bytes(2000))
  zipped(tmp_path / 'c.zip', 'odd.png', SAMPLES[0].data, zipfile.ZIP_BZIP2)
  lie = zipped(tmp_path / 'd.zip', 'lie.png', bytes(40 * 10**6))
  declared = struct.pack('<I', 40 * 10**6)
  lie.write_bytes(lie.read_bytes().replace(declared, struct.pack('<I', 100)))
  zipped(tmp_path / 'e.zip', 'good.png', SAMPLES[0].data)
  *bad, good = [located.file for located in archives.walk(tmp_path, ('.png', '.csv'))]
  with archives.Reader() as reader:
    assert reader.read(good) == SAMPLES[0].data
    tracemalloc.start()
    for file, said in zip(bad, ('40000000 bytes.*megapixels', '2000 bytes', 'method', 'CRC')):
      with pytest.raises(images.ImageError, match=f'(?s){file.shown}.*{said}'):
        reader.read(file)
    assert tracemalloc.get_traced_memory()[1] < 5 * 10**6
    tracemalloc.stop()


@pytest.mark.parametrize('kind', ['fifo', 'socket', 'device', 'loop', 'nowhere'])
def test_what_is_no_file_is_refused(no_waiting, monkeypatch, tmp_path, kind):
  monkeypatch.chdir(tmp_path)
  for name in ('rgb/1.png', 'rgb/2.png', 'ir/1.png'):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(SAMPLES[0].data)
  odd = tmp_path / 'ir/2.png'
  special(odd, kind)
  for read in (images.read_image, images.image_header, images.is_plain):
    with pytest.raises(images.ImageError, match='ir/2.png: '):
      read(odd)
  with pytest.raises(errors.UserError, match='ir/2.png: '):
    config_lib.folder_config(tmp_path)
  with pytest.raises(errors.UserError, match='ir/2.png: '):
    list(archives.walk(tmp_path, ('.png',)))
  found = {job.source.name for job in inputs.plan([str(tmp_path / 'ir')], tmp_path / 'out').jobs}
  assert found == {'1.png'}


def test_fifo_that_is_called_zip_is_refused(no_waiting, tmp_path):
  os.mkfifo(tmp_path / 'a.zip')
  with pytest.raises(errors.UserError, match='a.zip: not a regular file'):
    list(archives.walk(tmp_path, ('.png',)))


def test_odd_names_and_loops_of_folders(no_waiting, tmp_path):
  source = tmp_path / 'pairs'
  for folder in ('rgb', 'ir'):
    (source / folder / 'directory.png').mkdir(parents=True)
    (source / folder / 'up').symlink_to(source)
    for name in NAMES:
      (source / folder / f'{name}.png').write_bytes(SAMPLES[0].data)
  config = config_lib.folder_config(source, rgb_dir='rgb', ir_dir='ir')
  examples = [example for split in config.examples.values() for example in split]
  assert sorted(example.id for example in examples) == sorted(NAMES)
  for example in examples:
    np.testing.assert_array_equal(images.read_image(example.ir), corpus.GRAY8)
  jobs = inputs.plan([str(source / 'rgb')], tmp_path / 'out').jobs
  assert sorted(job.target.name for job in jobs) == sorted(f'{name}.png' for name in NAMES)
  names = [located.file.stem for located in archives.walk(source / 'rgb', ('.png',))]
  assert set(NAMES) <= set(names)


@pytest.mark.skipif(os.geteuid() == 0, reason='root may read everything')
def test_unreadable_file_is_named(tmp_path):
  path = tmp_path / 'secret.png'
  path.write_bytes(SAMPLES[0].data)
  path.chmod(0)
  with pytest.raises(images.ImageError, match='secret.png: cannot be read: Permission denied'):
    images.read_image(path)
