"""Images that are translated at the size of training, and images of another scale."""

import dataclasses

import numpy as np
import PIL.Image
import pytest

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.inference import training_size
from cyclegan_jax.inference.scene import Scene
from cyclegan_jax.settings import DataConfig
from tests.inference.test_model import first_channel, model


def sized(model, **data):
  config = dataclasses.replace(model.config, data=dataclasses.replace(model.config.data, **data))
  return dataclasses.replace(model, config=config)


def smooth(height, width):
  """Slow waves, which survive a smaller size."""
  rows, columns = np.mgrid[:height, :width]
  wave = 120 + 60 * np.sin(rows / height * 4) + 50 * np.cos(columns / width * 5)
  return np.repeat(np.rint(wave).astype(np.uint8)[..., None], 3, -1)


@pytest.mark.parametrize('bits, scale', [(None, 1), (8, 1), (16, 257)])
@pytest.mark.parametrize('keep_aspect, seen', [('none', (64, 64)), ('pad', (32, 64))])
def test_the_network_sees_the_size_of_training(bits, scale, keep_aspect, seen):
  sizes = []

  def network(x):
    sizes.append(x.shape[1:3])
    return first_channel(x)

  one = sized(model(network), image_size=(64, 64), keep_aspect=keep_aspect)
  image = smooth(150, 300)
  result = training_size.translate(one, [Scene(image)], bits=bits)
  assert sizes == [seen]
  assert result.shape == (1, 150, 300, 1) and result.dtype == (
    np.uint16 if bits == 16 else np.uint8
  )
  assert abs(result[0] / scale - image[..., :1]).mean() < 1.5


def test_the_way_back_is_bicubic_and_not_rounded_before():
  one = sized(model(first_channel), image_size=(64, 64))
  image = smooth(128, 128)
  small = images.resize(image, (64, 64))[..., 0].astype(np.float32)
  want = PIL.Image.fromarray(small).resize((128, 128), PIL.Image.Resampling.BICUBIC)
  result = training_size.translate(one, [Scene(image)])
  np.testing.assert_array_equal(result[0, ..., 0], np.rint(np.asarray(want)))


def test_images_of_the_size_of_training_stay_as_they_are():
  image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
  one = sized(model(first_channel), image_size=(64, 64))
  result = training_size.translate(one, [Scene(image)])
  np.testing.assert_array_equal(result[0], image[..., :1])


def test_the_load_size_is_the_scale_of_training():
  data = DataConfig(image_size=(64, 64), load_size=(80, 80))
  assert training_size.of_image(data, (500, 300)) == (80, 80)


def test_training_on_crops_has_no_size():
  with pytest.raises(UserError, match='--at_size=training.*--resize=none'):
    training_size.of_image(DataConfig(resize='none'), (5, 5))


def files(folder, *sizes):
  found = []
  for i, size in enumerate(sizes):
    found.append(folder / f'{i}.png')
    PIL.Image.new('RGB', size).save(found[-1])
  return found


def test_another_scale_is_said_once(tmp_path):
  data = DataConfig(image_size=(64, 64))
  alike = files(tmp_path, (64, 64), (80, 70), (50, 60))
  assert training_size.note(data, alike) == ''
  said = training_size.note(data, files(tmp_path, (64, 64), (256, 128)))
  assert '1.png (128x256) is 2.8 times as large as in training (64x64)' in said
  assert '--at_size=training' in said
  said = training_size.note(data, files(tmp_path, (32, 32)))
  assert '0.png (32x32) is 2.0 times smaller than in training' in said
  # Kept proportions: the wide image becomes 32x64.
  padded = dataclasses.replace(data, keep_aspect='pad')
  assert '4.0 times as large as in training (32x64)' in training_size.note(
    padded, files(tmp_path, (256, 128))
  )


def test_files_that_cannot_be_read_and_crops_give_no_note(tmp_path):
  (tmp_path / 'bad.png').write_bytes(b'bad')
  assert training_size.note(DataConfig(), [tmp_path / 'bad.png']) == ''
  large = files(tmp_path, (900, 900))
  assert training_size.note(DataConfig(resize='none'), large) == ''
  assert training_size.note(DataConfig(), []) == ''
