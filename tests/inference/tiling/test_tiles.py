"""Images in tiles: equal to the whole where that is possible, and without seams where it is not."""

import dataclasses
import functools
import itertools

import jax
import numpy as np
import pytest
import scipy.ndimage

from cyclegan_jax.data.source import make_domains
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference.tiling import receptive_field, tiled, tiles
from cyclegan_jax.inference.tiling.tiles import Tiling
from cyclegan_jax.models import networks
from cyclegan_jax.models.apply import translators
from cyclegan_jax.settings import DataConfig, ModelConfig

TINY = dict(base_width=4, n_residual_blocks=1, n_downsampling=2)
GIB = 2**30


def image(height, width, channels=3, seed=0):
  """Smooth and rough parts, brighter to the right: tiles differ in mean and contrast."""
  rng = np.random.default_rng(seed)
  noise = rng.normal(size=(height, width, channels))
  smooth = scipy.ndimage.gaussian_filter(noise, (8, 8, 0)) * 20
  ramp = np.linspace(0, 1, width)[None, :, None]
  return np.tanh(ramp * (smooth + 0.3 * noise) + ramp - 0.5).astype(np.float32)


def generator(norm, kind='resnet'):
  """One with random weights, and running variances that keep its values alive."""
  kind, _, blurred = kind.partition(', ')
  smooth = dict(antialias=True, upsampling='bilinear') if blurred else {}
  config = ModelConfig(**TINY, norm=norm, generator=kind, sync_batch_norm=False, **smooth)
  domains = make_domains(DataConfig())
  params, stats = networks.initialize(config, domains, 0)
  stats = jax.tree.map(lambda x: x * 0.1, stats)  # means stay 0
  return config, translators(networks.build(config, domains), params, stats)['rgb_to_ir']


@dataclasses.dataclass
class Whole:
  """Network values [height, width, c] as an image that is read in parts."""

  values: np.ndarray

  @property
  def shape(self):
    return self.values.shape[:2]

  def crop(self, rows, columns):
    return self.values[None, rows, columns]


def joined(translate, apply, x, cut, channels):
  """The bands of a translation, put together."""
  bands = list(translate(apply, Whole(x), cut, channels))
  tops = np.cumsum([0, *(len(band) for _, band in bands)])
  assert [top for top, _ in bands] == tops[:-1].tolist() and tops[-1] == len(x)
  return np.concatenate([band for _, band in bands])


@pytest.mark.parametrize('overlap, margin', [(0, 0), (8, 0), (8, 4), (16, 4)])
@pytest.mark.parametrize('size', [(32, 32), (64, 96), (72, 20)])
def test_what_changes_nothing_is_put_together_unchanged(size, overlap, margin):
  x = image(*size)
  result = joined(tiles.translate, lambda part: part, x, Tiling(32, overlap, margin, 4), 3)
  np.testing.assert_allclose(result, x, atol=2e-7)


def test_neighbors_with_just_the_overlap_add_up_to_one():
  cut = Tiling(32, 16, 4, 4)
  assert tiles.starts(80, cut) == [0, 16, 32, 48]
  total = np.zeros(80)
  for start in tiles.starts(80, cut):
    total[start : start + 32] += tiles.window(32, start, 80, cut)
  np.testing.assert_allclose(total, 1, atol=1e-6)


def test_what_a_filter_sees_of_edges_is_left_out():
  smooth = functools.partial(scipy.ndimage.uniform_filter, size=(1, 9, 9, 1), mode='constant')
  x = image(96, 104)
  whole = smooth(x[None])[0]
  np.testing.assert_allclose(
    joined(tiles.translate, smooth, x, Tiling(32, 8, 4, 4), 3), whole, atol=1e-6
  )
  # One pixel less, and it is seen.
  assert abs(joined(tiles.translate, smooth, x, Tiling(32, 8, 3, 4), 3) - whole).max() > 1e-3


@pytest.mark.parametrize('size', [(50, 32), (32, 32), (100, 84)])
def test_every_pixel_counts_once(size):
  cut = Tiling(32, 12, 3, 4)
  seen = np.zeros(size)
  for top, rows in tiles.own_parts(size[0], cut):
    for left, columns in tiles.own_parts(size[1], cut):
      seen[top : top + 32, left : left + 32][rows, columns] += 1
  assert (seen == 1).all()


@pytest.mark.parametrize(
  'norm, kind',
  [
    *itertools.product(['batch', 'instance', 'none'], ['udacity', 'resnet']),
    # Without a norm, random weights and blurs leave too little of the image to compare.
    *itertools.product(['batch', 'instance'], ['resnet, antialiased']),
  ],
)
def test_tiled_equals_whole(norm, kind):
  """With an overlap of twice the network's reach, up to the image's border; instance norm too."""
  config, apply = generator(norm, kind)
  overlap = 2 * receptive_field.radius(config)
  tile = (overlap + 40) // 4 * 4
  x = image(2 * tile, tile + 24)
  cut = tiles.choose(config, *x.shape[:2], 4, GIB, tile, overlap)
  assert all(len(tiles.starts(side, cut)) >= 2 for side in x.shape[:2])
  whole = apply(x[None])[0]
  assert whole.std() > 5e-3
  np.testing.assert_allclose(joined(tiled.translate, apply, x, cut, 1), whole, atol=2e-5)


def test_a_tile_alone_is_not_the_whole_with_instance_norm():
  """Why the moments of the whole image are measured first."""
  config, apply = generator('instance')
  x = image(160, 224)
  cut = tiles.choose(config, 160, 224, 4, GIB, 128, 2 * receptive_field.radius(config))
  alone = joined(tiles.translate, apply, x, cut, 1)
  assert abs(alone - apply(x[None])[0]).mean() > 0.02


def test_too_small_an_overlap_leaves_no_visible_seams():
  config, apply = generator('batch')
  x = image(128, 512)
  cut = tiles.choose(config, 128, 512, 4, GIB, 128, 32)
  assert cut.margin == 8 < receptive_field.radius(config)
  whole, in_tiles = apply(x[None])[0], joined(tiled.translate, apply, x, cut, 1)
  assert abs(in_tiles - whole).max() > 1e-3
  steps = abs(np.diff(in_tiles - whole, axis=1)).max(axis=(0, 2))
  # The difference comes in over the whole overlap: nowhere does it jump.
  ordinary = abs(np.diff(whole, axis=1)).max()
  assert steps.max() < ordinary / 10


def test_choice():
  resnet = ModelConfig(generator='resnet', n_downsampling=2, n_residual_blocks=9)
  choose = functools.partial(tiles.choose, resnet, step=32)
  assert choose(3008, 4000, memory=64 * GIB) is None
  # 4000 x 3008 x 512 bytes are 5.7 GiB.
  assert choose(3008, 4000, memory=8 * GIB) == Tiling(1024, 192, 84, 32)
  assert choose(3008, 4000, memory=8 * GIB, tile=0) is None
  # Twice as many with blurs.
  blurred = dataclasses.replace(resnet, antialias=True)
  assert choose(3008, 4000, memory=16 * GIB) is None
  assert tiles.choose(blurred, 3008, 4000, 32, 16 * GIB) is not None
  assert choose(3008, 4000, memory=64 * GIB, tile=500, overlap=100) == Tiling(512, 128, 32, 32)
  assert choose(256, 512, memory=64 * GIB, tile=512) is None
  unet = ModelConfig(generator='unet', n_downsampling=8)
  assert tiles.choose(unet, 2048, 2048, 256, GIB, 1024) == Tiling(1024, 512, 128, 256)
  with pytest.raises(UserError, match='--overlap=64 must be less than --tile=64'):
    choose(256, 512, memory=GIB, tile=50, overlap=60)
  with pytest.raises(UserError, match='--tile=-1'):
    choose(256, 512, memory=GIB, tile=-1)
