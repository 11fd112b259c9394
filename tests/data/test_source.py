"""Domains: derived once from a configuration, pixels to network values and back."""

import numpy as np
import pytest

from cyclegan_jax import normalization
from cyclegan_jax.data import source
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
