"""How far images are from those of the training."""

import dataclasses

import numpy as np
import pytest

from cyclegan_jax.data.source import make_domains
from cyclegan_jax.errors import UserError
from cyclegan_jax.evaluation import familiarity
from cyclegan_jax.image_files import images
from cyclegan_jax.settings import DataConfig
import datasets

SOURCE = make_domains(DataConfig())['rgb']
DATA = DataConfig(image_size=(32, 32))


def scene(rng, height=32, width=32, left=(30, 60, 90), right=(200, 180, 160)):
  """Two colors that differ a little from scene to scene, meeting somewhere in the middle."""
  image = np.empty((height, width, 3), np.float32)
  edge = int(width * rng.uniform(0.4, 0.6))
  image[:, :edge], image[:, edge:] = left, right
  return np.clip(image + rng.normal(0, 12, 3) + rng.normal(0, 3, image.shape), 0, 255).astype('u1')


@pytest.fixture(scope='module')
def found(tmp_path_factory):
  """What is measured on 40 pairs to train on and 30 to test."""
  folder, rng = tmp_path_factory.mktemp('pairs'), np.random.default_rng(0)
  for split, n in (('train', 40), ('test', 30)):
    for name in ('rgb', 'ir'):
      (folder / split / name).mkdir(parents=True)
    for i in range(n):
      image = scene(rng)
      images.write_png(folder / split / 'rgb' / f'{i:02}.png', image)
      images.write_png(folder / split / 'ir' / f'{i:02}.png', image[..., :1])
  data = dataclasses.replace(
    DATA, dataset='folder', source_dir=str(folder), data_dir=str(folder / 'data')
  )
  dataset = datasets.open_dataset(data)
  return familiarity.measure(dataset, dataset.domains['rgb'], data, lambda line: None)


def test_distances_are_those_of_numpy():
  rng = np.random.default_rng(1)
  many, one = (
    rng.integers(0, 256, (9, 16, 16, 3), np.uint8),
    rng.integers(0, 256, (16, 16, 3), 'u1'),
  )
  flat = [x.astype(np.float64).ravel() for x in many]
  expected = [
    min(np.sqrt(np.mean((x - one.ravel()) ** 2)) for x in flat),
    1 - max(np.corrcoef(x, one.ravel())[0, 1] for x in flat),
  ]
  np.testing.assert_allclose(familiarity.distances(one, many), expected, rtol=1e-5)
  np.testing.assert_allclose(familiarity.distances(many[4], many), [0, 0], atol=1e-6)


def test_images_like_the_training_are_familiar_and_others_are_not(found):
  rng = np.random.default_rng(2)
  familiar = [found(scene(rng)) for _ in range(100)]
  assert np.mean(np.array(familiar) > 1) < 0.1
  assert found(scene(rng, 300, 500)) < 1.5  # Whatever the size.
  assert found((scene(rng).astype(np.uint16)) * 257) < 1.5  # Or the depth.
  for strange in (
    np.zeros((32, 32, 3), np.uint8),
    np.full((32, 32, 3), 128, np.uint8),
    rng.integers(0, 256, (64, 64, 3), np.uint8),
    scene(rng, left=(200, 180, 160), right=(30, 60, 90)),
    np.rot90(scene(rng)).copy(),
  ):
    assert found(strange) > 1


def test_the_limit_is_that_of_99_percent_of_the_test_images(found):
  # As many as 99 % of 30 are 30: the farthest one is at the limit.
  rng = np.random.default_rng(0)
  for _ in range(40):
    scene(rng)
  distances = [found(scene(rng)) for _ in range(30)]
  np.testing.assert_allclose(max(distances), 1, rtol=1e-5)


def test_it_is_kept_as_a_file_that_is_checked(found, tmp_path):
  assert familiarity.read(tmp_path, SOURCE, DATA) is None
  familiarity.write(tmp_path, found)
  image = scene(np.random.default_rng(3))
  again = familiarity.read(tmp_path, SOURCE, DATA)
  np.testing.assert_allclose(again(image), found(image), rtol=1e-6)
  gray = dataclasses.replace(SOURCE, channels=1)
  with pytest.raises(UserError, match='familiarity.npz.*thumbnails of shape'):
    familiarity.read(tmp_path, gray, DATA)
  file = tmp_path / familiarity.FILE
  for content in (b'', b'PK\x03\x04', file.read_bytes()[:-200]):
    file.write_bytes(content)
    with pytest.raises(UserError, match='familiarity.npz cannot be read.*Delete it'):
      familiarity.read(tmp_path, SOURCE, DATA)
  familiarity.write(tmp_path, None)
  assert not file.exists()


def test_images_are_cut_as_in_training():
  wide = np.zeros((32, 96, 3), np.uint8)
  wide[:, 32:64] = 255
  square = np.full((1, 16, 16, 3), 255, np.uint8)
  crop = dataclasses.replace(DATA, keep_aspect='crop')
  whole, center = (
    familiarity.Familiarity(SOURCE, data, square, np.array([1.0, 1e9]))(wide)
    for data in (DATA, crop)
  )
  assert center < 1e-6 and whole > 100
