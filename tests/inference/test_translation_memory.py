"""What large images take, and what is said before they take too much."""

import re
import tracemalloc

import jax
import numpy as np
import pytest

from cyclegan_jax import memory
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference.files.outputs import FileTranslator, OutputOptions
from cyclegan_jax.inference.scene import Scene
from cyclegan_jax.inference.tiling.padded import Padded
from tests.inference import made_up


@pytest.mark.parametrize('size', [(20, 50), (7, 3), (32, 64)])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_padding_is_numpys_symmetric_one(size, dtype):
  domain = made_up.model().domains['rgb']
  pixels = made_up.picture(*size, dtype=dtype)
  padded = Padded(pixels, domain, 32)
  assert padded.shape == tuple(-(-side // 32) * 32 for side in size)
  after = [(0, whole - side) for whole, side in zip(padded.shape, size)]
  expected = np.pad(pixels, (*after, (0, 0)), 'symmetric') / np.iinfo(dtype).max * 2 - 1
  np.testing.assert_allclose(padded.whole()[0], expected, atol=1e-6)
  part = padded.crop(slice(3, 30), slice(1, padded.shape[1]))
  np.testing.assert_array_equal(part, padded.whole()[:, 3:30, 1:])


@pytest.mark.parametrize('norm', ['batch', pytest.param('instance', marks=pytest.mark.slow)])
def test_tiles_take_no_copy_of_the_whole_in_floating_point(norm):
  model = made_up.model(norm=norm, n_residual_blocks=1, n_downsampling=2)
  image, peaks = made_up.picture(1200, 800), []
  model.translate(image[:256], tile=128)  # Compiles.
  for height in (400, 1200):
    tracemalloc.start()
    assert model.translate(image[:height], tile=128).shape == (height, 800, 1)
    peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
  # A byte of the result for each further pixel; in float32, the image would take twelve.
  assert peaks[1] - peaks[0] < 1.5 * 800 * 800


def test_the_tile_that_is_named_fits(monkeypatch):
  translator = FileTranslator(made_up.model(), OutputOptions('out', tile=0), {})
  stack = [Scene(made_up.picture(608, 608))]
  needed = translator.model.translator('rgb_to_ir').needed((1, 608, 608, 3))
  free = needed // 2
  monkeypatch.setattr(memory, 'on_device', lambda: free)
  with pytest.raises(UserError, match='photo.png: 608x608 pixels do not fit') as caught:
    translator.translate(stack, 'photo.png')
  message = str(caught.value)
  assert memory.text(needed) in message and memory.text(free) in message
  tile = int(re.search(r'--tile=(\d+) would need about', message)[1])
  assert tile < 608
  smaller = FileTranslator(translator.model, OutputOptions('out', tile=tile), {})
  assert smaller.translate(stack, 'photo.png').shape == (1, 608, 608, 1)
  monkeypatch.setattr(memory, 'on_device', lambda: 10)
  with pytest.raises(UserError, match='not even small tiles fit'):
    translator.translate(stack, 'photo.png')
  assert jax.local_device_count() == 4  # One image stays on one of them.
