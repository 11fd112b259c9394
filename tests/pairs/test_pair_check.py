"""Tests of the pair check: shifts, flags, order, and the page."""

import csv
import itertools
import json

import numpy as np
import pytest
from scipy import ndimage

from cyclegan_jax import normalization
from cyclegan_jax.data import images
from cyclegan_jax.data.source import Dataset, Domain, Split
from cyclegan_jax.errors import UserError
from cyclegan_jax.pairs import pair_check
from cyclegan_jax.pairs.pair_check import Thresholds
from cyclegan_jax.reports import pairs_page
from datasets.synthetic import layout, render

_MARGIN = 24


def _texture(height=200, width=320, seed=0, sigma=3.0):
  """uint8 [height, width, 1] with structure everywhere, 40 to 215."""
  noise = np.random.default_rng(seed).random((height, width, 1))
  smooth = ndimage.gaussian_filter(noise, (sigma, sigma, 0))
  low, high = smooth.min(), smooth.max()
  return np.rint(40 + 175 * (smooth - low) / (high - low)).astype(np.uint8)


def _rgb(gray):
  return np.repeat(gray, 3, axis=-1)


def _shifted(rgb, ir, x, y):
  """Crops a pair so that IR has to be moved by (x, y)."""
  inner = slice(_MARGIN, rgb.shape[0] - _MARGIN), slice(_MARGIN, rgb.shape[1] - _MARGIN)
  moved = np.roll(ir, (-y, -x), (0, 1))
  return rgb[inner], moved[inner]


def _scene(sequence, height=240, width=320):
  scene = layout.random_scene(0, sequence)
  rendering = render.render(scene, 0, sequence, 0, height, width)
  return rendering.rgb, rendering.ir


@pytest.fixture(scope='module', name='scenes')
def _scenes():
  return [_scene(sequence) for sequence in range(8)]


def _alignment(pair):
  return {'no_match', 'misaligned', 'misaligned_part'} & set(pair.flags)


@pytest.mark.parametrize('x, y', [(0, 0), (5, -3), (-11, 7), (17, 16)])
@pytest.mark.parametrize('inverted', [False, True])
def test_shifts_of_textures(x, y, inverted):
  gray = _texture()
  rgb, ir = _shifted(_rgb(gray), 255 - gray if inverted else gray, x, y)
  pair = pair_check.check_pair(rgb, ir)
  assert pair.shift[:2] == pytest.approx((x, y), abs=0.3)
  assert pair.shift.score > 2 * Thresholds().score
  assert ('misaligned' in pair.flags) == ((x, y) != (0, 0))


def test_sign_is_how_ir_has_to_be_moved():
  gray = _texture()
  ir = np.roll(gray, (3, -6), (0, 1))  # its content is too far down and left
  shift, _ = pair_check.find_shifts(_rgb(gray), ir)
  x, y = round(shift.x), round(shift.y)
  np.testing.assert_array_equal(np.roll(ir, (y, x), (0, 1)), gray)
  assert (x, y) == (6, -3)


def test_large_and_16_bit_images_in_their_own_pixels():
  gray = _texture(700, 1000, sigma=6.0)
  rgb, ir = _shifted(_rgb(gray), (30000 - 4 * gray.astype(np.uint16)), -20, 9)
  pair = pair_check.check_pair(rgb, ir)
  assert pair.shift[:2] == pytest.approx((-20, 9), abs=1)
  assert pair.flags[0] == 'misaligned'


@pytest.mark.parametrize('x, y', [(6, 0), (-9, 5), (3, -14)])
def test_shifts_of_synthetic_scenes(scenes, x, y):
  for rgb, ir in scenes:
    pair = pair_check.check_pair(*_shifted(rgb, ir, x, y))
    assert pair.shift[:2] == pytest.approx((x, y), abs=1)
    assert 'misaligned' in pair.flags


def test_aligned_scenes_are_not_flagged(scenes):
  for rgb, ir in scenes:
    pair = pair_check.check_pair(rgb, ir)
    assert pair.shift.length < 1 and not _alignment(pair)


def test_strangers_do_not_match(scenes):
  for (rgb, _), (_, ir) in itertools.pairwise(scenes):
    assert 'misaligned' not in pair_check.check_pair(rgb, ir).flags
  assert _alignment(pair_check.check_pair(_rgb(_texture()), _texture(seed=1))) == {'no_match'}


def test_a_part_that_moved():
  gray = _texture(240, 384)
  ir = 255 - gray
  ir[120:, :128] = np.roll(ir[120:, :128], 8, axis=1)
  pair = pair_check.check_pair(_rgb(gray), ir)
  assert pair.flags == ('misaligned_part',) and 'bottom left' in pair.details
  assert pair.shift.length < 1 and pair.part[:2] == pytest.approx((-8, 0), abs=1)


@pytest.mark.parametrize('shape', [(1, 1), (8, 200), (16, 16), (30, 900)])
def test_any_size(shape):
  gray = np.random.default_rng(0).integers(0, 256, (*shape, 1), np.uint8)
  pair = pair_check.check_pair(_rgb(gray), 255 - gray)
  assert pair.shift is None or pair.shift.length < 1


def test_constant():
  gray = _texture()
  pair = pair_check.check_pair(_rgb(gray), np.full_like(gray, 90))
  assert pair.flags == ('constant',) and pair.details == 'constant: ir' and pair.shift is None
  pair = pair_check.check_pair(np.zeros_like(_rgb(gray)), gray)
  assert pair.flags == ('constant',) and pair.details == 'constant: rgb'


def test_radiometric_images_with_little_contrast_are_not_constant():
  gray = _texture()
  ir = 29000 + gray.astype(np.uint16)  # 1.8 K in steps of 10 mK
  assert pair_check.check_pair(_rgb(gray), ir).flags == ()


def test_false_color():
  gray = _texture()
  colors = np.concatenate([gray, 255 - gray, gray // 2], axis=-1)
  pair = pair_check.check_pair(_rgb(gray), colors)
  assert pair.flags == ('false_color',) and pair.shift.length < 1
  assert pair_check.check_pair(_rgb(gray), _rgb(gray)).flags == ()


def test_saturated():
  gray = _texture()
  burnt = np.where(gray > np.percentile(gray, 40), 255, gray).astype(np.uint8)
  pair = pair_check.check_pair(_rgb(gray), burnt)
  assert 'saturated' in pair.flags and 'saturated: ir' in pair.details


def test_borders():
  gray = _texture()
  framed = gray.copy()
  framed[:7], framed[:, -12:] = 0, 0
  assert pair_check.borders(framed) == (7, 0, 0, 12)
  assert pair_check.borders(gray) == pair_check.borders(np.zeros_like(gray)) == (0, 0, 0, 0)
  # The same border in both does not hide the shift of what is inside.
  rgb, ir = _shifted(_rgb(gray), 255 - gray, 5, 4)
  for image in (rgb, ir):
    image[:20], image[:, :20] = 0, 0
  pair = pair_check.check_pair(rgb, ir)
  assert {'bordered', 'misaligned'} <= set(pair.flags)
  assert 'rgb top 20 left 20, ir top 20 left 20' in pair.details
  assert pair.shift[:2] == pytest.approx((5, 4), abs=1)


def test_fading_into_white_is_no_border():
  gray = _texture()
  # Nor is a clipped sky, into which a few things rise.
  sky = gray.copy()
  sky[:60] = np.where(
    np.arange(320)[:, None] // 20 == np.arange(60)[:, None, None] // 10 - 2, sky[:60], 0
  )
  assert pair_check.borders(sky) == (0, 0, 0, 0)
  gray[-40:] = np.maximum(gray[-40:], 215 + np.arange(40, dtype=np.uint8)[:, None, None])
  assert pair_check.borders(gray) == (0, 0, 0, 0)


def test_real_pairs(roadscene):
  def flags(identity):
    return pair_check.check_pair(
      *(images.read_image(roadscene / name / f'{identity}.jpg') for name in ('rgb', 'ir'))
    ).flags

  for identity in ('FLIR_00006', 'FLIR_05027', 'FLIR_05872', 'FLIR_07620', 'FLIR_09616'):
    assert 'misaligned' in flags(identity)
  assert flags('FLIR_05879') == ('misaligned_part',)  # only the nearest car
  for identity in ('FLIR_00060', 'FLIR_01871', 'FLIR_07555', 'FLIR_09376'):
    assert flags(identity) == ()


def _dataset(pairs, aligned=True, name='made up'):
  records = [
    {
      'rgb': images.encode_png(rgb),
      'ir': images.encode_png(ir),
      'id': identity.encode(),
      'sequence': b'',
    }
    for identity, rgb, ir in pairs
  ]
  domains = {
    key: Domain(key, channels, normalization.Plain()) for key, channels in (('rgb', 3), ('ir', 1))
  }
  half = len(records) // 2
  splits = {
    split: Split(split, part, part, aligned)
    for split, part in (('train', records[:half]), ('test', records[half:]))
  }
  return Dataset(name, 'for <tests>', 'abc', domains, splits)


@pytest.fixture(scope='module', name='suspects')
def _suspects():
  """One pair of each kind; ids tell what is wrong."""
  good = [_texture(seed=seed) for seed in range(5)]
  return _dataset(
    [
      ('good', _rgb(good[0]), 255 - good[0]),
      ('a twin', _rgb(good[1]), good[1]),
      ('shifted', *_shifted(_rgb(good[2]), good[2], 6, 0)),
      ('more <b>shifted</b>', *_shifted(_rgb(good[3]), good[3], 0, 12)),
      ('black', _rgb(good[4]), np.zeros_like(good[4])),
      ('b twin', _rgb(good[1]), 255 - good[1]),
    ],
    name='<script>',
  )


def test_files(suspects, tmp_path):
  said = []
  pairs = pairs_page.check(suspects, said.append)
  content = pairs_page.summary(pairs, suspects, Thresholds())
  pairs_page.write(tmp_path / 'new' / 'folder', pairs, content, suspects, n_worst=4)
  folder = tmp_path / 'new' / 'folder'
  assert sorted(path.name for path in folder.iterdir()) == [
    'pairs.csv',
    'pairs.json',
    'report.html',
  ]
  with (folder / 'pairs.csv').open(newline='') as lines:
    rows = list(csv.DictReader(lines))
  assert list(rows[0])[:5] == ['id', 'shift_x', 'shift_y', 'score', 'flags']
  ids = [row['id'] for row in rows]
  assert ids[:3] == ['black', 'more <b>shifted</b>', 'shifted']
  assert sorted(ids[3:5]) == ['a twin', 'b twin'] and ids[5] == 'good'
  assert rows[0]['shift_x'] == '' and float(rows[2]['shift_x']) == pytest.approx(6, abs=0.3)
  twin = rows[ids.index('a twin')]
  assert twin['details'] == 'duplicated: rgb as b twin' and twin['split'] == 'train'
  assert rows[5]['flags'] == ''
  stored = json.loads((folder / 'pairs.json').read_text())
  assert stored['pairs'] == 6 and stored['flagged'] == 5 and stored['flags']['misaligned'] == 2
  assert stored['thresholds']['shift'] == Thresholds().shift
  page = (folder / 'report.html').read_text()
  assert page.count('<img') == 4 and 'data:image/jpeg' in page and '://' not in page
  assert 'more &lt;b&gt;shifted' in page and '<b>' not in page and '<script>:' not in page
  assert '&lt;tests&gt;' in page


def test_pictures_of_16_bits_and_of_small_images():
  ir = 29000 + 20 * _texture(40, 30).astype(np.uint16)
  rgb = _rgb(_texture(40, 30))
  picture = pairs_page.picture(pair_check.check_pair(rgb, ir), rgb, ir)
  assert picture.dtype == np.uint8 and picture.std() > 20


def test_refused(suspects):
  gray = _texture(40, 40)
  with pytest.raises(UserError, match='no pairs to check'):
    pairs_page.check(_dataset([]), print)
  with pytest.raises(UserError, match='unrelated collections'):
    pairs_page.check(_dataset([('x', _rgb(gray), gray)], aligned=False), print)
  with pytest.raises(UserError, match='x: RGB is 40x40, IR 30x40 pixels'):
    pairs_page.check(_dataset([('x', _rgb(gray), gray[:30])]), print)
