"""Tests of the rendered dataset `synthetic`: the pictures."""

import dataclasses
import itertools

from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from datasets.synthetic import (
  camera,
  layout,
  materials,
  objects,
  painter as painter_lib,
  physics,
  render,
  scene as scene_lib,
)

_HEIGHT, _WIDTH = 64, 80
_CLASS = {name: index for index, name in enumerate(materials.CLASS_NAMES)}


def _render(sequence, frame=0, seed=0, height=_HEIGHT, width=_WIDTH):
  scene = layout.random_scene(seed, sequence)
  return render.render(scene, seed, sequence, frame, height, width)


def _bytes(rendering):
  return tuple(getattr(rendering, field.name).tobytes() for field in dataclasses.fields(rendering))


def _luminance(rgb):
  return rgb @ np.array([0.299, 0.587, 0.114])


@pytest.fixture(scope='module', name='gallery')
def _gallery():
  """Scenes and first frames of forty sequences."""
  scenes = [layout.random_scene(0, sequence) for sequence in range(40)]
  return [
    (scene, render.render(scene, 0, sequence, 0, _HEIGHT, _WIDTH))
    for sequence, scene in enumerate(scenes)
  ]


def test_rendering_is_deterministic():
  assert _bytes(_render(5, 2)) == _bytes(_render(5, 2))


def test_counterfactuals_are_one_rgb_image_and_ever_warmer_ir_images():
  scene = layout.random_scene(0, 7)
  found = render.counterfactuals(scene, 0, 7, 1, _HEIGHT, _WIDTH)
  as_it_is = found[render.OFFSETS.index(0.0)]
  assert _bytes(as_it_is) == _bytes(_render(7, 1))
  for rendering in found:
    np.testing.assert_array_equal(rendering.rgb, as_it_is.rgb)
    np.testing.assert_array_equal(rendering.labels, as_it_is.labels)
  for colder, warmer in itertools.pairwise(found):
    assert (warmer.temperature >= colder.temperature).all()
    assert (warmer.ir >= colder.ir).all()
    assert warmer.ir.mean() > colder.ir.mean() + 5


@pytest.mark.parametrize('change', [{'seed': 1}, {'sequence': 6}, {'frame': 3}])
def test_seed_sequence_and_frame_change_the_picture(change):
  arguments = {'sequence': 5, 'frame': 2, 'seed': 0}
  before, after = _render(**arguments), _render(**{**arguments, **change})
  for field in ('rgb', 'ir', 'temperature', 'labels'):
    assert np.any(getattr(before, field) != getattr(after, field)), field


@settings(max_examples=15, deadline=None)
@given(
  st.integers(0, 2**32 - 1),
  st.integers(0, 10**6),
  st.integers(0, 50),
  st.integers(16, 70),
  st.integers(16, 70),
)
def test_any_seed_and_size_renders(seed, sequence, frame, height, width):
  rendering = _render(sequence, frame, seed, height, width)
  assert (rendering.rgb.shape, rendering.rgb.dtype) == ((height, width, 3), np.uint8)
  assert (rendering.ir.shape, rendering.ir.dtype) == ((height, width, 1), np.uint8)
  assert (rendering.labels.shape, rendering.labels.dtype) == ((height, width), np.uint8)
  assert rendering.temperature.shape == (height, width)
  assert rendering.temperature.dtype == np.float32
  assert rendering.labels.max() < len(materials.CLASS_NAMES)
  assert rendering.temperature.min() > 200 and rendering.temperature.max() < 380


def test_all_classes_day_and_night_occur(gallery):
  seen = np.unique([rendering.labels for _, rendering in gallery])
  assert set(seen) == set(range(len(materials.CLASS_NAMES)))
  nights = sum(scene.conditions.is_night for scene, _ in gallery)
  assert 0.2 < nights / len(gallery) < 0.4


def test_ir_is_radiance_on_one_scale_for_all_images(gallery):
  low, high = physics.integrate_band(np.array(camera.IR_SPAN))
  for _, rendering in gallery:
    expected = 255 * (physics.integrate_band(rendering.temperature) - low) / (high - low)
    # Grass is nearly black, and even: neither reflections nor edges matter.
    even = rendering.labels == _CLASS['grass']
    if even.sum() > 300:
      error = np.median(rendering.ir[even, 0] - np.clip(expected[even], 0, 255))
      assert abs(error) < 6


def test_clear_sky_is_cold_and_people_are_warm_at_night(gallery):
  checked = 0
  for scene, rendering in gallery:
    sky = rendering.labels == _CLASS['sky']
    if scene.conditions.cloud_cover < 0.1 and sky[:8].all(axis=1).any():
      assert np.median(rendering.ir[:8][sky[:8]]) < 20
    person = rendering.labels == _CLASS['person']
    ground = np.isin(rendering.labels, [_CLASS['road'], _CLASS['grass'], _CLASS['pavement']])
    if scene.conditions.is_night and person.sum() > 20 and ground.any():
      assert rendering.temperature[person].min() > np.median(rendering.temperature[ground]) + 5
      assert np.median(rendering.ir[person]) > np.median(rendering.ir[ground]) + 20
      checked += 1
  assert checked >= 3


def test_brightness_does_not_tell_temperature(gallery):
  correlations = np.array(
    [np.corrcoef(_luminance(r.rgb).ravel(), r.ir.ravel())[0, 1] for _, r in gallery]
  )
  assert np.abs(correlations).mean() < 0.4
  assert 0.25 < (correlations > 0).mean() < 0.75


def test_classes_explain_ir_far_better_than_baselines(gallery):
  ir = np.array([r.ir[..., 0] for _, r in gallery], np.float64)
  labels = np.array([r.labels for _, r in gallery])
  night = np.array([scene.conditions.is_night for scene, _ in gallery])
  known = np.zeros_like(ir)
  for label in range(len(materials.CLASS_NAMES)):
    for dark in (True, False):
      same = (labels == label) & (night == dark)[:, None, None]
      known[same] = ir[same].mean() if same.any() else 0.0

  def psnr(guess):
    return np.mean(10 * np.log10(255**2 / ((ir - guess) ** 2).mean((1, 2))))

  luminance = np.array([_luminance(r.rgb) for _, r in gallery])
  assert psnr(known) > psnr(ir.mean(0)) + 4
  assert psnr(known) > psnr(luminance) + 6
  assert psnr(ir.mean(0)) < 19


def _frame(scene):
  painter = painter_lib.Painter(scene, _HEIGHT, _WIDTH)
  objects.paint_scene(painter, scene)
  return camera.Frame(scene, painter, _HEIGHT, _WIDTH)


@pytest.fixture(name='meadow')
def _meadow():
  """An empty lawn on a clear day, the sun at the right."""
  conditions = scene_lib.Conditions(
    is_night=False,
    air_temperature=290.0,
    cloud_cover=0.0,
    sun_elevation=35.0,
    sun_azimuth=90.0,
    autumn=0.0,
  )
  viewpoint = scene_lib.Camera(focal=1.0, horizon=0.4, center=0.5, position=(0.0, 2.0, 0.0))
  corners = ((-300.0, -5.0), (300.0, -5.0), (300.0, 300.0), (-300.0, 300.0))
  lawn = scene_lib.Strip(corners, 'asphalt', (0.3, 0.3, 0.3))
  return dataclasses.replace(
    layout.random_scene(0, 0), conditions=conditions, camera=viewpoint, ground=(lawn,), objects=()
  )


def _car(running, x=0.0):
  return scene_lib.Vehicle(
    x=x,
    z=8.0,
    view='front',
    is_van=False,
    color=(0.3, 0.3, 0.3),
    running=running,
    velocity=(0.0, 0.0),
  )


def test_running_engine_is_warm_and_shows_its_lamps(meadow):
  parked, running = (
    _frame(dataclasses.replace(meadow, objects=(_car(on),))) for on in (False, True)
  )
  vehicle = parked.surfaces[..., painter_lib.LABEL] == _CLASS['vehicle']
  assert vehicle.sum() > 50
  cold, hot = (camera.surface_temperatures(frame, meadow)[vehicle] for frame in (parked, running))
  assert (hot > cold + 10).mean() > 0.2  # The engine, not just a lamp or the exhaust.
  dark, lit = (
    camera.render_rgb(frame, meadow, np.random.default_rng(0))[vehicle]
    for frame in (parked, running)
  )
  assert _luminance(lit).max() > _luminance(dark).max() + 30


def test_still_shadows_darken_and_cool_the_ground_away_from_the_sun(meadow):
  scene = dataclasses.replace(meadow, objects=(_car(False),))
  frame = _frame(scene)
  ground = frame.surfaces[..., painter_lib.IS_GROUND] > 0
  shadow = ground & (frame.still_shadow > 0)
  assert shadow.sum() > 10
  assert frame.x[shadow].mean() < -0.5  # The sun is at the right.
  temperature = camera.surface_temperatures(frame, scene)
  sunny = ground & (frame.still_shadow == 0)
  assert temperature[shadow].mean() < temperature[sunny].mean() - 3
  luminance = _luminance(camera.render_rgb(frame, scene, np.random.default_rng(0)))
  assert luminance[shadow].mean() < 0.8 * luminance[sunny].mean()


def test_world_coordinates_follow_the_ground_and_the_walls(meadow):
  house = dataclasses.replace(
    next(
      thing for thing in layout.random_scene(0, 1).objects if isinstance(thing, scene_lib.Building)
    ),
    x=(3.0, 9.0),
    z=(8.0, 30.0),
    height=6.0,
    roof_height=0.0,
  )
  frame = _frame(dataclasses.replace(meadow, objects=(house,)))
  ground = frame.surfaces[..., painter_lib.IS_GROUND] > 0
  np.testing.assert_allclose(frame.y[ground], 0.0, atol=1e-2)
  wall = frame.surfaces[..., painter_lib.LABEL] == _CLASS['wall']
  side = wall & (frame.z > 8.3)
  assert side.any() and (wall & ~side).any()
  np.testing.assert_allclose(frame.x[side], 3.0, atol=1e-2)
  np.testing.assert_allclose(frame.z[wall & ~side], 8.0, atol=0.3)
