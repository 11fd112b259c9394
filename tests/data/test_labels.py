"""Labels: resized without mixing classes, and carried through the pipeline like the images."""

import dataclasses
import zlib

import numpy as np
import PIL.Image
import pytest

from cyclegan_jax.data import labels, pipeline
from cyclegan_jax.data.source import Dataset, make_domains, Split
from cyclegan_jax.devices import sharding
from cyclegan_jax.image_files import images
from cyclegan_jax.image_files.decoding import ImageError
from cyclegan_jax.settings import DataConfig
from datasets import loading
from datasets.synthetic import materials, synthetic_dataset_builder as synthetic

SIZE = (24, 32)
NAMES = ('road', 'car', 'person')
PLAIN = DataConfig(paired=True, image_size=SIZE)


def indices(i):
  """Blocks of 2x2 pixels of a random class, or none."""
  rng = np.random.default_rng(i)
  coarse = rng.choice(np.array([0, 1, 2, 255], np.uint8), (SIZE[0] // 2, SIZE[1] // 2))
  return coarse.repeat(2, 0).repeat(2, 1)


def dataset(n=6, stored='png', mask=None, aligned=True):
  """Pairs whose red channel and whose IR image are 60 * class + 10, 250 where there is none."""
  records = []
  for i in range(n):
    plane = np.where(indices(i) == 255, 250, 60 * indices(i) + 10).astype(np.uint8)[..., None]
    records.append(
      {
        'rgb': images.encode_png(np.repeat(plane, 3, -1)),
        'ir': images.encode_png(plane),
        'id': f's/{i}'.encode(),
        'sequence': b's',
        'labels': indices(i) if stored == 'array' else images.encode_png(indices(i)[..., None]),
        **({} if mask is None else {'mask': images.encode_png(mask)}),
      }
    )
  split = Split('train', records, records, aligned)
  has_mask = mask is not None
  return Dataset('x', 'x', 'x', make_domains(PLAIN), {'train': split}, has_mask, NAMES)


def shown(pixels):
  """The classes that an image shows."""
  return np.where(pixels[..., 0] == 250, 255, (pixels[..., 0] - 10) // 60)


@pytest.mark.parametrize('stored', ['png', 'array'])
def test_pixels_have_the_labels_of_their_record(stored):
  data = dataset(stored=stored)
  for i, example in enumerate(pipeline.pixels(data, 'train', PLAIN)):
    assert example['labels'].dtype == np.uint8
    np.testing.assert_array_equal(example['labels'], indices(i))
  assert 'labels' not in pipeline.domain_pixels(data, 'train', 'ir', PLAIN)[0]
  without = dataclasses.replace(data, class_names=())
  assert 'labels' not in pipeline.pixels(without, 'train', PLAIN)[0]


@pytest.mark.parametrize('size', [(12, 16), (9, 31), (48, 64), (1, 1), (24, 32)])
def test_resizing_takes_the_label_at_the_center(size):
  source = indices(0)
  rows, columns = ((np.arange(n) + 0.5) * m / n for n, m in zip(size, SIZE))
  expected = source[np.floor(rows).astype(int)][:, np.floor(columns).astype(int)]
  np.testing.assert_array_equal(labels.resize(source, size), expected)


@pytest.mark.parametrize(
  'settings',
  [
    dict(resize='none', image_size=(16, 20)),
    dict(load_size=(48, 64), image_size=(32, 40)),
    dict(image_size=(12, 16)),
  ],
)
def test_labels_are_cut_and_mirrored_like_their_images(settings):
  config = DataConfig(paired=True, flip=True, **settings)
  data = dataset()
  drawn = pipeline.examples(data, 'train', config, train=True)
  seen = set()
  for i in range(24):
    example = drawn[i]
    pixels = data.domains['ir'].to_pixels(example['ir'])
    # Between blocks resized images mix gray levels; labels do not mix.
    whole = np.isin(pixels[..., 0], (10, 70, 130, 250))
    assert whole.mean() > 0.2
    np.testing.assert_array_equal(example['labels'][whole], shown(pixels)[whole])
    seen.add(example['labels'].tobytes())
  assert len(seen) > 10


def test_zoomed_labels_agree_with_their_images_within_a_pixel():
  config = DataConfig(paired=True, zoom=0.5, flip=True, image_size=(48, 64))
  data = dataset()
  drawn = pipeline.examples(data, 'train', config, train=True)
  for i in range(12):
    pixels, found = data.domains['ir'].to_pixels(drawn[i]['ir']), drawn[i]['labels']
    assert found.shape == (48, 64)
    # Where a neighborhood has one class, the image shows it.
    padded = np.pad(found, 2, 'edge')
    views = [padded[y : y + 48, x : x + 64] for y in range(5) for x in range(5)]
    inner = np.all([view == found for view in views], 0)
    assert inner.sum() > 50
    np.testing.assert_array_equal(found[inner], shown(pixels)[inner])


def test_the_rectangle_of_a_mask_is_cut_from_labels_too():
  mask = np.zeros((*SIZE, 1), np.uint8)
  mask[4:, 6:30] = 255
  config = DataConfig(paired=True, mask='crop', resize='none', image_size=(20, 24))
  example = pipeline.pixels(dataset(mask=mask), 'train', config)[0]
  np.testing.assert_array_equal(example['labels'], indices(0)[4:, 6:30])


@pytest.mark.parametrize('size', [(24, 16), (24, 48)])
@pytest.mark.parametrize('keep_aspect', ['crop', 'pad'])
def test_labels_keep_proportions_like_their_images(keep_aspect, size):
  config = dataclasses.replace(PLAIN, image_size=size, keep_aspect=keep_aspect, resize='area')
  example = pipeline.pixels(dataset(), 'train', config)[0]
  inside = example['ir_mask'][..., 0] if keep_aspect == 'pad' else np.ones(size, bool)
  assert (example['labels'][~inside] == 255).all()
  # Where an image is enlarged by a whole number, or not at all, nothing is mixed.
  exact = {'crop': size == (24, 16), 'pad': size == (24, 48)}[keep_aspect]
  agree = example['labels'][inside] == shown(example['ir'])[inside]
  assert agree.all() if exact else agree.mean() > 0.5


@pytest.mark.parametrize('kept', [0.0, 1.0])
def test_batches_have_labels_where_they_are_asked_for(kept):
  config = dataclasses.replace(PLAIN, cache_gib=kept)
  data = dataset()
  examples = pipeline.examples(data, 'train', config, train=True)
  plain, batches = (
    iter(pipeline.batches(data, config, 8, sharding(), labeled=asked)) for asked in (False, True)
  )
  for step in range(3):
    without, batch = next(plain), next(batches)
    assert set(without) == {'rgb', 'ir'} and set(batch) == {'rgb', 'ir', 'labels'}
    np.testing.assert_array_equal(batch['rgb'], without['rgb'])
    assert batch['labels'].shape == (4, 2, *SIZE) and batch['labels'].dtype == np.uint8
    rows = np.asarray(batch['labels']).reshape(8, *SIZE)
    for row in range(8):
      np.testing.assert_array_equal(rows[row], examples[8 * step + row]['labels'])
  extra = pipeline.decoded_bytes(data, config, labeled=True) - pipeline.decoded_bytes(data, config)
  assert extra == 6 * SIZE[0] * SIZE[1]


def test_examples_that_are_no_pairs_have_none():
  config = dataclasses.replace(PLAIN, paired=False)
  assert 'labels' not in pipeline.examples(dataset(), 'train', config, train=True)[0]


def test_index_files_are_read_as_they_are_stored(tmp_path):
  """A palette's colors are not indices, and bilevel images are 0 and 1."""
  expected = indices(3)
  picture = PIL.Image.fromarray(expected, 'L')
  for name, palette in (('gray.png', None), ('palette.png', np.arange(768)[::-1] % 256)):
    if palette is not None:
      picture = picture.copy()
      picture.putpalette(palette.astype(np.uint8).tobytes())
    picture.save(tmp_path / name)
    np.testing.assert_array_equal(images.read_indices(tmp_path / name), expected)
  PIL.Image.fromarray(expected == 1).save(tmp_path / 'bits.png')
  np.testing.assert_array_equal(images.read_indices(tmp_path / 'bits.png'), expected == 1)


@pytest.mark.parametrize('array', [np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6, 1), np.uint16)])
def test_color_and_16_bits_are_no_indices(array):
  with pytest.raises(ImageError, match=r'7\.png: not an image of class indices; expected one'):
    images.read_indices(images.encode_png(array), '7.png')


def test_rendered_scenes_have_labels(tmp_path):

  small = synthetic.SyntheticConfig(
    name='small',
    height=32,
    width=48,
    train_sequences=2,
    validation_sequences=1,
    test_sequences=1,
    frames_per_sequence=1,
  )
  builder = synthetic.Builder(config=small, data_dir=tmp_path)
  builder.download_and_prepare(file_format='array_record')

  config = DataConfig(dataset='synthetic', image_size=(32, 48))
  opened = loading._read(builder, config, [''], [])
  assert opened.class_names == materials.CLASS_NAMES
  for example, record in zip(
    pipeline.pixels(opened, 'train', config), builder.as_data_source('train')
  ):
    np.testing.assert_array_equal(example['labels'], record['labels'])
    assert example['labels'].max() < len(opened.class_names)


def test_missing_rows_are_not_class_0(tmp_path):
  """Pillow leaves rows zero that a PNG file lacks although its header counts them."""
  data = bytearray(images.encode_png(np.full((*SIZE, 1), 7, np.uint8)))
  height = SIZE[0] + 40
  data[20:24] = height.to_bytes(4, 'big')
  data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, 'big')
  with pytest.raises(ImageError, match=r'7\.png: is damaged'):
    images.read_indices(bytes(data), '7.png')
