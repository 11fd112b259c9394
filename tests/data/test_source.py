"""Domains: derived once from a configuration, pixels to network values and back."""

import numpy as np
import pytest

from cyclegan_jax import normalization
from cyclegan_jax.data import source
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig


def test_domains_are_those_of_the_configuration():
  domains = source.make_domains(
    DataConfig(rgb_channels=1, ir_channels=3, normalization='emsn'), {'rgb': 255, 'ir': 65535}
  )
  assert domains == {
    'rgb': source.Domain('rgb', 1, normalization.EMSN(380, 750, 255.0)),
    'ir': source.Domain('ir', 3, normalization.EMSN(1000, 14000, 65535.0)),
  }
  assert domains['ir'].max_value == 65535
  plain = source.make_domains(DataConfig())
  assert plain['rgb'] == source.Domain('rgb', 3, normalization.Plain(255.0))


def test_only_spectral_channels_have_wavelengths():
  domains = source.make_domains(DataConfig(normalization='spectral_channels', ir_band='lwir'))
  assert domains['rgb'].normalization == normalization.Plain()
  assert domains['rgb'].wavelength_channels == pytest.approx((-0.673, -0.813, -0.879), abs=1e-3)
  assert domains['ir'].wavelength_channels == pytest.approx((0.854,), abs=1e-3)
  for kind in ('plain', 'emsn'):
    for domain in source.make_domains(DataConfig(normalization=kind)).values():
      assert domain.wavelength_channels == ()


@pytest.mark.parametrize('kind', ['plain', 'emsn'])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_every_pixel_survives_normalization(kind, dtype):
  limit = np.iinfo(dtype).max
  config = DataConfig(normalization=kind)
  for domain in source.make_domains(config, {'rgb': limit, 'ir': limit}).values():
    pixels = np.arange(limit + 1).astype(dtype)
    values = domain.normalize(pixels)
    assert values.dtype == domain.denormalize(values).dtype == np.float32
    back = domain.to_pixels(values)
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, pixels)


def test_values_outside_the_range_are_clipped():
  domain = source.make_domains(DataConfig())['ir']
  assert domain.to_pixels(np.array([-3.0, 3.0])).tolist() == [0, 255]
  assert domain.quantize(np.array([-0.6, 0.6, 254.4, 300])).tolist() == [0, 1, 254, 255]
  assert source.quantize([65536.0, 0.5, 1.5], 65535).tolist() == [65535, 0, 2]


def test_evenly_spaced_indices_go_from_the_first_to_the_last():
  assert source.evenly_spaced(10, 4) == [0, 3, 6, 9]
  assert source.evenly_spaced(10, 1) == [0]
  assert source.evenly_spaced(3, 3) == [0, 1, 2]
  assert source.evenly_spaced(2, 5) == [0, 1]


def collections(n_rgb, n_ir, aligned):
  """A data set of records that are their own names, with a test split."""
  rgb, ir = ([{'id': f'{name}{i}'} for i in range(n)] for name, n in (('a', n_rgb), ('b', n_ir)))
  splits = {
    name: source.Split(name, rgb, rgb if aligned else ir, aligned) for name in ('train', 'test')
  }
  return source.Dataset('x', 'Made up.', '0', source.make_domains(DataConfig()), splits)


def test_training_pairs_are_drawn_alike_and_nested():
  whole, before = collections(40, 40, aligned=True), set()
  for n in (1, 8, 32, 40):
    made = whole.with_train_pairs(n)
    train = made.splits['train']
    assert train.rgb is train.ir and len(train) == n
    names = [record['id'] for record in (train.rgb[i] for i in range(n))]
    assert names == sorted(names, key=lambda name: int(name[1:])) and len(set(names)) == n
    assert before <= set(names)
    before = set(names)
    assert made.splits['test'] is whole.splits['test']
    assert f'{n} of 40 are trained on' in made.description
  assert whole.with_train_pairs(0) is whole


def test_of_two_collections_each_is_drawn_from():
  train = collections(20, 30, aligned=False).with_train_pairs(5).splits['train']
  assert [len(records) for records in (train.rgb, train.ir)] == [5, 5]
  assert all(train.ir[i]['id'][0] == 'b' for i in range(5))


@pytest.mark.parametrize('aligned, n, words', [(True, 41, '40 pairs'), (False, 31, '30 IR images')])
def test_more_training_pairs_than_there_are(aligned, n, words):
  dataset = collections(40, 40 if aligned else 30, aligned)
  with pytest.raises(UserError, match=f'--train_pairs={n}: the training split has {words}'):
    dataset.with_train_pairs(n)
