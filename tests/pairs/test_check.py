"""Shifts and flags of single pairs."""

import itertools

import numpy as np
import pytest

from cyclegan_jax.image_files import images
from cyclegan_jax.pairs import alignment, check
from cyclegan_jax.pairs.flags import Thresholds
from datasets.synthetic import layout, render
from tests.pairs.made_up import gray_rgb, shifted, texture


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
  gray = texture()
  rgb, ir = shifted(gray_rgb(gray), 255 - gray if inverted else gray, x, y)
  pair = check.check_pair(rgb, ir)
  assert pair.shift[:2] == pytest.approx((x, y), abs=0.3)
  assert pair.shift.score > 2 * Thresholds().score
  assert ('misaligned' in pair.flags) == ((x, y) != (0, 0))


def test_sign_is_how_ir_has_to_be_moved():
  gray = texture()
  ir = np.roll(gray, (3, -6), (0, 1))  # its content is too far down and left
  shift, _ = alignment.find_shifts(gray_rgb(gray), ir)
  x, y = round(shift.x), round(shift.y)
  np.testing.assert_array_equal(np.roll(ir, (y, x), (0, 1)), gray)
  assert (x, y) == (6, -3)


def test_large_and_16_bit_images_in_their_own_pixels():
  gray = texture(700, 1000, sigma=6.0)
  rgb, ir = shifted(gray_rgb(gray), (30000 - 4 * gray.astype(np.uint16)), -20, 9)
  pair = check.check_pair(rgb, ir)
  assert pair.shift[:2] == pytest.approx((-20, 9), abs=1)
  assert pair.flags[0] == 'misaligned'


@pytest.mark.parametrize('x, y', [(6, 0), (-9, 5), (3, -14)])
def test_shifts_of_synthetic_scenes(scenes, x, y):
  for rgb, ir in scenes:
    pair = check.check_pair(*shifted(rgb, ir, x, y))
    assert pair.shift[:2] == pytest.approx((x, y), abs=1)
    assert 'misaligned' in pair.flags


def test_aligned_scenes_are_not_flagged(scenes):
  for rgb, ir in scenes:
    pair = check.check_pair(rgb, ir)
    assert pair.shift.length < 1 and not _alignment(pair)


def test_strangers_do_not_match(scenes):
  for (rgb, _), (_, ir) in itertools.pairwise(scenes):
    assert 'misaligned' not in check.check_pair(rgb, ir).flags
  assert _alignment(check.check_pair(gray_rgb(texture()), texture(seed=1))) == {'no_match'}


def test_a_part_that_moved():
  gray = texture(240, 384)
  ir = 255 - gray
  ir[120:, :128] = np.roll(ir[120:, :128], 8, axis=1)
  pair = check.check_pair(gray_rgb(gray), ir)
  assert pair.flags == ('misaligned_part',) and 'bottom left' in pair.details
  assert pair.shift.length < 1 and pair.part[:2] == pytest.approx((-8, 0), abs=1)


@pytest.mark.parametrize('shape', [(1, 1), (8, 200), (16, 16), (30, 900)])
def test_any_size(shape):
  gray = np.random.default_rng(0).integers(0, 256, (*shape, 1), np.uint8)
  pair = check.check_pair(gray_rgb(gray), 255 - gray)
  assert pair.shift is None or pair.shift.length < 1


def test_constant():
  gray = texture()
  pair = check.check_pair(gray_rgb(gray), np.full_like(gray, 90))
  assert pair.flags == ('constant',) and pair.details == 'constant: ir' and pair.shift is None
  pair = check.check_pair(np.zeros_like(gray_rgb(gray)), gray)
  assert pair.flags == ('constant',) and pair.details == 'constant: rgb'


def test_radiometric_images_with_little_contrast_are_not_constant():
  gray = texture()
  ir = 29255 - gray.astype(np.uint16)  # 1.8 K in steps of 10 mK
  assert check.check_pair(gray_rgb(gray), ir).flags == ()


def test_false_color():
  gray = texture()
  colors = np.concatenate([gray, 255 - gray, gray // 2], axis=-1)
  pair = check.check_pair(gray_rgb(gray), colors)
  assert pair.flags == ('false_color',) and pair.shift.length < 1
  assert check.check_pair(gray_rgb(gray), gray_rgb(255 - gray)).flags == ()


def test_saturated():
  gray = texture()
  burnt = np.where(gray > np.percentile(gray, 40), 255, gray).astype(np.uint8)
  pair = check.check_pair(gray_rgb(gray), burnt)
  assert 'saturated' in pair.flags and 'saturated: ir' in pair.details


def test_borders():
  gray = texture()
  framed = gray.copy()
  framed[:7], framed[:, -12:] = 0, 0
  assert check.borders(framed) == (7, 0, 0, 12)
  assert check.borders(gray) == check.borders(np.zeros_like(gray)) == (0, 0, 0, 0)
  # The same border in both does not hide the shift of what is inside.
  rgb, ir = shifted(gray_rgb(gray), 255 - gray, 5, 4)
  for image in (rgb, ir):
    image[:20], image[:, :20] = 0, 0
  pair = check.check_pair(rgb, ir)
  assert {'bordered', 'misaligned'} <= set(pair.flags)
  assert 'rgb top 20 left 20, ir top 20 left 20 (black)' in pair.details
  assert pair.shift[:2] == pytest.approx((5, 4), abs=1)


@pytest.mark.parametrize('level, name', [(0, 'black'), (255, 'white'), (120, 'gray')])
def test_the_color_of_a_margin_is_said(level, name):
  gray = texture()
  framed = 255 - gray
  framed[-9:] = level
  details = check.check_pair(gray_rgb(gray), framed).details
  assert details == f'bordered: ir bottom 9 ({name})'


@pytest.mark.parametrize('turn', [1, 2, 3])
def test_a_turned_image(turn):
  gray = texture(200, 200)
  rgb, ir = shifted(gray_rgb(gray), 255 - gray, 6, -4)
  pair = check.check_pair(rgb, np.rot90(ir, -turn))
  assert pair.turn == turn and pair.flags == ('rotated', 'misaligned')
  assert pair.shift[:2] == pytest.approx((6, -4), abs=0.5)


def test_images_of_another_shape_are_not_turned():
  gray = texture(150, 220)
  pair = check.check_pair(gray_rgb(gray), np.rot90(255 - gray, 2))
  assert pair.turn == 2 and pair.flags == ('rotated',)
  assert check.check_pair(gray_rgb(gray), 255 - texture(150, 220, seed=1)).turn == 0


def test_the_luminance_of_rgb_is_no_thermal_image():
  rgb = np.concatenate([texture(seed=seed) for seed in range(3)], axis=-1)
  luminance = np.rint(rgb @ np.array([0.299, 0.587, 0.114]))[..., None]
  for ir in (luminance.astype(np.uint8), (30 * luminance + 5000).astype(np.uint16)):
    assert check.check_pair(rgb, ir).flags == ('luminance',)
  # One of the colors correlates, too, but is not the luminance.
  assert 'luminance' not in check.check_pair(rgb, rgb[..., :1]).flags


def test_spans():
  gray = texture()
  ir = 7269 + 2 * gray.astype(np.uint16)
  spans = check.check_pair(gray_rgb(gray), ir).spans
  assert spans['rgb'][:2] == (gray.min(), gray.max()) and spans['rgb'].end == 255
  assert spans['ir'][:2] == (ir.min(), ir.max())
  assert spans['ir'].share == pytest.approx((int(ir.max()) - int(ir.min())) / 65535)


def test_fading_into_white_is_no_border():
  gray = texture()
  # Nor is a clipped sky, into which a few things rise.
  sky = gray.copy()
  sky[:60] = np.where(
    np.arange(320)[:, None] // 20 == np.arange(60)[:, None, None] // 10 - 2, sky[:60], 0
  )
  assert check.borders(sky) == (0, 0, 0, 0)
  gray[-40:] = np.maximum(gray[-40:], 215 + np.arange(40, dtype=np.uint8)[:, None, None])
  assert check.borders(gray) == (0, 0, 0, 0)


def test_real_pairs(roadscene):
  def flags(identity):
    return check.check_pair(
      *(images.read_image(roadscene / name / f'{identity}.jpg') for name in ('rgb', 'ir'))
    ).flags

  for identity in ('FLIR_00006', 'FLIR_05027', 'FLIR_05872', 'FLIR_07620', 'FLIR_09616'):
    assert 'misaligned' in flags(identity)
  assert flags('FLIR_05879') == ('misaligned_part',)  # only the nearest car
  for identity in ('FLIR_00060', 'FLIR_01871', 'FLIR_07555', 'FLIR_09376'):
    assert flags(identity) == ()
