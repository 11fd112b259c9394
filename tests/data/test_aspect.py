"""--keep_aspect: squeezed, padded, or cut."""

import dataclasses

import numpy as np
import pytest

from cyclegan_jax.data import aspect, pipeline
from cyclegan_jax.data.source import Dataset, make_domains, Split
from cyclegan_jax.image_files import images
from cyclegan_jax.settings import DataConfig

WIDE = (40, 80)
CONFIG = DataConfig(paired=True, image_size=(20, 20))


def dataset(shapes=(WIDE,), masked=False):
  """RGB shows rows and columns; IR is the same in one channel. Masks leave out the first column."""
  records = []
  for i, (height, width) in enumerate(shapes):
    rows, columns = np.mgrid[:height, :width]
    rgb = np.stack([5 * rows, 3 * columns, 0 * rows], -1).astype(np.uint8)
    mask = np.where(columns < width // 4, 0, 255).astype(np.uint8)[..., None]
    records.append(
      {
        'rgb': images.encode_png(rgb),
        'ir': images.encode_png(rgb[..., :1]),
        'id': str(i).encode(),
        'sequence': b'',
        **({'mask': images.encode_png(mask)} if masked else {}),
      }
    )
  splits = {'train': Split('train', records, records, aligned=True)}
  return Dataset('x', 'x', 'x', make_domains(CONFIG), splits, has_mask=masked)


def measured(keep_aspect, data, **changes):
  config = dataclasses.replace(CONFIG, keep_aspect=keep_aspect, **changes)
  return pipeline.pixels(data, 'train', config)


def stored(data, index=0):
  return images.read_image(data.splits['train'].rgb[index]['rgb'])


def test_none_squeezes_as_ever():
  data = dataset()
  (example,) = measured('none', data)
  np.testing.assert_array_equal(example['rgb'], images.resize(stored(data), (20, 20)))
  assert 'ir_mask' not in example


def test_crop_takes_the_middle():
  data = dataset()
  (example,) = measured('crop', data)
  np.testing.assert_array_equal(example['rgb'], images.resize(stored(data)[:, 20:60], (20, 20)))
  np.testing.assert_array_equal(example['ir'][..., 0], example['rgb'][..., 0])
  assert 'ir_mask' not in example


def test_pad_shows_all_and_only_that_counts():
  data = dataset()
  (example,) = measured('pad', data)
  whole = images.resize(stored(data), (10, 20))
  np.testing.assert_array_equal(example['rgb'][5:15], whole)
  np.testing.assert_array_equal(example['rgb'][:5], whole[:5][::-1])
  np.testing.assert_array_equal(example['rgb'][15:], whole[5:][::-1])
  inside = np.zeros((20, 20, 1), bool)
  inside[5:15] = True
  np.testing.assert_array_equal(example['ir_mask'], inside)
  np.testing.assert_array_equal(example['rgb_mask'], inside)
  assert (example['ir'][~inside[..., 0]] == 0).all()
  np.testing.assert_array_equal(example['ir'][5:15], whole[..., :1])


def test_pad_without_masks_mirrors_both():
  (example,) = measured('pad', dataset(), mask='none')
  assert 'ir_mask' not in example
  np.testing.assert_array_equal(example['ir'][..., 0], example['rgb'][..., 0])


@pytest.mark.parametrize('shape', [(40, 80), (80, 40), (20, 20), (1, 200), (33, 47)])
@pytest.mark.parametrize('keep_aspect', ['none', 'pad', 'crop'])
def test_every_shape_gets_the_size(shape, keep_aspect):
  (example,) = measured(keep_aspect, dataset([shape]), image_size=(20, 28))
  assert example['rgb'].shape == (20, 28, 3) and example['ir'].shape == (20, 28, 1)


def test_images_of_the_right_shape_have_masks_beside_others():
  data = dataset([(40, 80), (20, 20)])
  first, second = measured('pad', data)
  assert not first['ir_mask'].all() and second['ir_mask'].all()


@pytest.mark.parametrize('keep_aspect, columns', [('crop', 0), ('pad', 5)])
def test_masks_of_the_data_are_cut_and_padded_alike(keep_aspect, columns):
  """The first quarter of the columns is invalid: outside the middle half, or a quarter of it."""
  (example,) = measured(keep_aspect, dataset(masked=True))
  valid = np.ones((20, 20, 1), bool)
  valid[:, :columns] = False
  if keep_aspect == 'pad':
    valid[:5] = valid[15:] = False
  np.testing.assert_array_equal(example['ir_mask'], valid)
  assert (example['ir'][~valid[..., 0]] == 0).all()


def test_training_zooms_into_padded_images():
  data = dataset()
  config = dataclasses.replace(CONFIG, keep_aspect='pad', zoom=0.5, flip=True)
  for i in range(20):
    example = pipeline.examples(data, 'train', config, train=True)[i]
    assert example['rgb'].shape == (20, 20, 3) and example['ir_mask'].shape == (20, 20, 1)
  assert pipeline.masked(data, config)
  assert pipeline.decoded_bytes(data, config) == 40 * 40 * (3 + 1 + 1 + 1)


@pytest.mark.parametrize(
  'keep_aspect, scaled', [('none', (20, 20)), ('pad', (10, 20)), ('crop', (20, 40))]
)
def test_the_scale_of_the_whole_image(keep_aspect, scaled):
  assert aspect.scaled(WIDE, (20, 20), keep_aspect) == scaled
