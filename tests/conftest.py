"""Four virtual CPU devices, a tiny prepared data set, and the real pairs where they are."""

import atexit
import gc
import os
import pathlib
import shutil
import signal
import tempfile

from tests import compiler

# Before JAX starts. Tests of a single device ask for it by name.
os.environ['XLA_FLAGS'] = compiler.xla_flags(devices=4)
os.environ.setdefault('JAX_PLATFORMS', 'cpu')
os.environ.setdefault('JAX_DISABLE_MOST_OPTIMIZATIONS', '1')
# Many tests compile the same tiny step, the commands' processes included; pytest-xdist's share it.
os.environ['JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS'] = '0.1'
if 'JAX_COMPILATION_CACHE_DIR' not in os.environ:
  os.environ['JAX_COMPILATION_CACHE_DIR'] = tempfile.mkdtemp(prefix='jax-cache-')
  atexit.register(shutil.rmtree, os.environ['JAX_COMPILATION_CACHE_DIR'], ignore_errors=True)

# Jobs in a shell's background ignore Ctrl-C, those of nohup SIGHUP, and so would the commands that
# tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

import jax
import numpy as np
import PIL.Image
import pytest

# A test may add 15,000.
_MANY_MAPPINGS = 20_000
REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items):
  """Puts the longest files first, so that no process is left with one of them at the end."""
  folders = ('training', 'experiments')
  rank = lambda item: [folder not in item.path.parts for folder in folders]
  items.sort(key=rank)


@pytest.fixture(autouse=True)
def compiled_programs_are_dropped():
  """Each maps memory, and the system allows 65,530 mappings: beyond them XLA crashes."""
  yield
  try:
    mappings = pathlib.Path('/proc/self/maps').read_bytes().count(b'\n')
  except OSError:
    mappings = _MANY_MAPPINGS
  if mappings >= _MANY_MAPPINGS:
    jax.clear_caches()
    gc.collect()


def make_pairs(root: pathlib.Path, n: int = 12, size: tuple[int, int] = (24, 32)) -> pathlib.Path:
  """A folder of n random pairs, rgb/ and ir/, in which IR is the red channel inverted."""
  rng = np.random.default_rng(0)
  for name in ('rgb', 'ir'):
    (root / name).mkdir(parents=True)
  for i in range(n):
    coarse = rng.integers(0, 256, (3, 4, 3), np.uint8)
    rgb = PIL.Image.fromarray(coarse).resize(size[::-1], PIL.Image.Resampling.BICUBIC)
    rgb.save(root / 'rgb' / f'{i:03}.png')
    PIL.Image.fromarray(255 - np.asarray(rgb)[..., 0]).save(root / 'ir' / f'{i:03}.png')
  return root


@pytest.fixture(scope='session')
def pairs(tmp_path_factory) -> pathlib.Path:
  """A source folder of twelve small pairs; not to be written to."""
  return make_pairs(tmp_path_factory.mktemp('pairs'))


@pytest.fixture(scope='session')
def data_dir(tmp_path_factory) -> pathlib.Path:
  """Where the tests' prepared data sets are kept."""
  return tmp_path_factory.mktemp('data')


@pytest.fixture(scope='session')
def radiometric_files() -> pathlib.Path:
  """Files of eight thermal cameras, from $CYCLEGAN_RJPEG or ../shared/data/rjpeg."""
  folder = pathlib.Path(
    os.environ.get('CYCLEGAN_RJPEG', REPOSITORY.parent / 'shared' / 'data' / 'rjpeg')
  )
  if not folder.is_dir():
    pytest.skip(f'needs the files of thermal cameras, not found at {folder}')
  return folder


@pytest.fixture(scope='session')
def roadscene() -> pathlib.Path:
  """The 180 RoadScene pairs, from $CYCLEGAN_ROADSCENE or ../shared/data/roadscene."""
  folder = pathlib.Path(
    os.environ.get('CYCLEGAN_ROADSCENE', REPOSITORY.parent / 'shared' / 'data' / 'roadscene')
  )
  if not folder.is_dir():
    pytest.skip(f'needs the RoadScene pairs, not found at {folder}')
  return folder
