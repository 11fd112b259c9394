"""Draws scenes at random: streets, rows of houses, parks and yards."""

import colorsys

import numpy as np
from PIL import Image

from datasets.synthetic import scene as scene_lib

_TILE = 256
_TEXTURE_OCTAVES = ((16, 1.0), (64, 0.8), (_TILE, 0.6))
_CLOUD_OCTAVES = ((8, 1.0), (16, 0.6), (32, 0.35))
_FAR = 400.0


def random_scene(seed, sequence):
  """Makes the scene of one sequence.

  Args:
    seed: the dataset's seed, a non-negative int.
    sequence: the sequence's number, a non-negative int.

  Returns:
    A `scene.Scene`; the same for the same arguments, always.
  """
  rng = scene_lib.layout_generator(seed, sequence)
  conditions = scene_lib.random_conditions(rng, seed, sequence)
  style = rng.choice([_street, _houses, _park, _yard], p=[0.3, 0.3, 0.2, 0.2])
  camera = scene_lib.Camera(
    focal=rng.uniform(0.8, 1.25),
    horizon=rng.uniform(0.34, 0.68),
    center=rng.uniform(0.3, 0.7),
    position=(0.0, rng.uniform(1.6, 3.6), 0.0),
  )
  ground, objects = style(rng, conditions)
  noise = np.stack([_noise_tile(rng, _TEXTURE_OCTAVES) for _ in range(2)])
  return scene_lib.Scene(
    conditions=conditions,
    camera=camera,
    ground=tuple(ground),
    objects=tuple(_skyline(rng, conditions) + objects),
    noise=noise,
    clouds=_noise_tile(rng, _CLOUD_OCTAVES),
    exposure=rng.uniform(0.85, 1.3),
    tint=rng.normal(1.0, 0.03, 3),
  )


def _color(rng, hue, saturation, value):
  """Linear RGB from ranges of hue, saturation and (display) value."""
  hsv = [rng.uniform(*bounds) for bounds in (hue, saturation, value)]
  return tuple(channel**2.2 for channel in colorsys.hsv_to_rgb(hsv[0] % 1.0, *hsv[1:]))


def _any_color(rng):
  """Paint or cloth: half of it gray to white or black, half colored."""
  saturation = (0.0, 0.1) if rng.random() < 0.5 else (0.4, 0.9)
  return _color(rng, (0, 1), saturation, (0.12, 0.95))


def _leaf_color(rng, autumn, kind):
  # Conifers stay green; leaves go from green (0.3) to orange (0.08).
  turned = 0.0 if kind == 'conifer' else autumn
  hue = 0.30 - 0.2 * turned
  return _color(rng, (hue - 0.03, hue + 0.03), (0.45, 0.8), (0.28, 0.7))


def _grass(rng, autumn):
  hue = 0.27 - 0.12 * autumn
  return _color(rng, (hue - 0.02, hue + 0.02), (0.35, 0.65), (0.35, 0.7))


def _asphalt(rng):
  return _color(rng, (0.55, 0.75), (0.0, 0.1), (0.28, 0.72))


def _paving(rng):
  return _color(rng, (0.02, 0.12), (0.0, 0.3), (0.5, 0.9))


def _noise_tile(rng, octaves):
  """Soft noise that repeats without seams; octaves are (cells, weight).

  The numbers of cells divide the tile's size, which makes the margins whole.
  """
  tile = np.zeros((_TILE, _TILE), np.float32)
  for cells, weight in octaves:
    wrapped = np.pad(rng.standard_normal((cells, cells), np.float32), 2, mode='wrap')
    size = _TILE // cells * (cells + 4)
    grown = Image.fromarray(wrapped).resize((size, size), Image.Resampling.BICUBIC)
    margin = (size - _TILE) // 2
    tile += weight * np.asarray(grown)[margin : margin + _TILE, margin : margin + _TILE]
  return tile / tile.std()


def _strip(x0, x1, z0, z1, material, color):
  corners = ((x0, z0), (x1, z0), (x1, z1), (x0, z1))
  return scene_lib.Strip(corners, material, color)


def _building(rng, x, z, height, gable=None):
  material = rng.choice(['brick', 'plaster', 'plaster', 'wood'])
  if material == 'brick':
    color = _color(rng, (-0.02, 0.11), (0.2, 0.65), (0.35, 0.85))
  else:
    color = _any_color(rng)
  floors = max(1, round(height / 3.0))
  columns = max(1, round((x[1] - x[0]) / rng.uniform(2.2, 4.0)))
  side_columns = max(1, round((z[1] - z[0]) / 3.0))
  lit = rng.random((2, floors, max(columns, side_columns))) < rng.uniform(0.1, 0.6)
  if gable is None:
    gable = height < 8 and rng.random() < 0.7
  return scene_lib.Building(
    x=x,
    z=z,
    height=height,
    roof_height=rng.uniform(1.8, 3.8) if gable else 0.0,
    material=str(material),
    color=color,
    roof_color=_color(rng, (-0.03, 0.08), (0.0, 0.65), (0.22, 0.75)),
    window_size=(rng.uniform(0.3, 0.65), rng.uniform(0.4, 0.65)),
    lit=lit,
    chimney=bool(rng.random() < 0.6),
  )


def _tree(rng, conditions, x, z, kind=None):
  kind = kind or str(rng.choice(['round', 'round', 'conifer', 'bush']))
  height = {'round': (4.5, 9), 'conifer': (5, 11), 'bush': (0.8, 2.0)}[kind]
  height = rng.uniform(*height)
  radius = height * {'round': 0.32, 'conifer': 0.2, 'bush': 0.7}[kind]
  return scene_lib.Tree(
    x=x,
    z=z,
    height=height,
    radius=radius * rng.uniform(0.8, 1.25),
    kind=kind,
    color=_leaf_color(rng, conditions.autumn, kind),
    outline=rng.uniform(0.78, 1.18, (5, 14)),
  )


def _vehicle(rng, x, z, view, moving=False):
  speed = rng.uniform(0.8, 1.8) if moving else 0.0
  heading = {'front': (0, -1), 'rear': (0, 1), 'left': (-1, 0), 'right': (1, 0)}[view]
  return scene_lib.Vehicle(
    x=x,
    z=z,
    view=view,
    is_van=bool(rng.random() < 0.25),
    color=_any_color(rng),
    running=bool(moving or rng.random() < 0.25),
    velocity=(float(heading[0] * speed), float(heading[1] * speed)),
  )


def _people(rng, count, x, z):
  people = []
  for _ in range(count):
    tone = rng.uniform(0.25, 0.85)
    people.append(
      scene_lib.Person(
        x=rng.uniform(*x),
        z=rng.uniform(*z),
        height=rng.uniform(1.5, 1.95),
        coat=_any_color(rng),
        trousers=_color(rng, (0.5, 0.7), (0, 0.5), (0.1, 0.6)),
        skin=(tone**1.6, 0.72 * tone**2.0, 0.6 * tone**2.2),
        hair=_color(rng, (0.02, 0.13), (0.2, 0.7), (0.05, 0.6)),
        velocity=(float(rng.uniform(-1, 1)), float(rng.uniform(-0.5, 0.5))),
      )
    )
  return people


def _skyline(rng, conditions):
  """Far trees or houses, so that the ground does not end at a bare horizon."""
  things = []
  for x in np.arange(-95, 95, 9.0):
    if rng.random() < 0.55:
      things.append(_tree(rng, conditions, x + rng.uniform(-3, 3), 105.0, 'round'))
    elif rng.random() < 0.6:
      z = rng.uniform(108, 115)
      things.append(_building(rng, (x, x + rng.uniform(7, 14)), (z, z + 8), rng.uniform(5, 16)))
  return things


def _street(rng, conditions):
  """Looking along a road between two rows of buildings or trees."""
  road, walk = rng.uniform(3.2, 5.0), rng.uniform(1.8, 3.2)
  edge = road + walk
  ground = [
    _strip(-_FAR, _FAR, -5, _FAR, 'grass', _grass(rng, conditions.autumn)),
    _strip(-edge, edge, -5, _FAR, 'pavement', _paving(rng)),
    _strip(-road, road, -5, _FAR, 'asphalt', _asphalt(rng)),
  ]
  ground += [
    _strip(-0.08, 0.08, z, z + 2.5, 'marking', (0.75, 0.75, 0.72)) for z in np.arange(2.0, 60, 6.0)
  ]
  things = []
  for side in (-1, 1):
    built = rng.random() < 0.75
    z = rng.uniform(-2, 8)
    while z < 75:
      length = rng.uniform(7, 16)
      if rng.random() < (0.85 if built else 0.15):
        near, far = edge + rng.uniform(0, 1.5), edge + rng.uniform(8, 14)
        x = (near, far) if side > 0 else (-far, -near)
        things.append(_building(rng, x, (z, z + length), rng.uniform(4, 15)))
      else:
        things += [
          _tree(rng, conditions, side * (edge + rng.uniform(1, 6)), z + length * part)
          for part in (0.2, 0.7)
        ]
      z += length + rng.uniform(0, 1.5)
    things += [
      scene_lib.Lamp(side * (road + 0.4), z, 6.0) for z in np.arange(rng.uniform(5, 15), 60, 22.0)
    ]
    for z in np.arange(rng.uniform(6, 10), 45, 7.0):
      if rng.random() < 0.45:
        things.append(_vehicle(rng, side * (road - 1.0), z, 'front' if side < 0 else 'rear'))
  if rng.random() < 0.75:
    side = rng.choice([-1, 1])
    things.append(
      _vehicle(
        rng, side * road * 0.35, rng.uniform(7, 22), 'front' if side < 0 else 'rear', moving=True
      )
    )
  for side in (-1, 1):
    x = sorted((side * road, side * edge))
    things += _people(rng, rng.integers(1, 4), x, (5, 20))
  things += _people(rng, rng.integers(0, 3), (-road, road), (6, 16))
  return ground, things


def _houses(rng, conditions):
  """A road from left to right before a row of houses with gardens."""
  curb = rng.uniform(3.5, 6.0)
  far_curb = curb + rng.uniform(5.0, 8.0)
  front = far_curb + rng.uniform(2.5, 9.0)
  ground = [
    _strip(-_FAR, _FAR, far_curb, _FAR, 'grass', _grass(rng, conditions.autumn)),
    _strip(-_FAR, _FAR, -5, far_curb + 2.0, 'pavement', _paving(rng)),
    _strip(-_FAR, _FAR, curb, far_curb, 'asphalt', _asphalt(rng)),
  ]
  middle = (curb + far_curb) / 2
  ground += [
    _strip(x, x + 1.8, middle - 0.07, middle + 0.07, 'marking', (0.75, 0.75, 0.72))
    for x in np.arange(-30, 30, 4.5)
  ]
  things, x = [], -32.0 + rng.uniform(0, 8)
  while x < 32:
    width = rng.uniform(6, 13)
    depth = front + rng.uniform(0, 3)
    if rng.random() < 0.8:
      things.append(
        _building(
          rng,
          (x, x + width),
          (depth, depth + rng.uniform(7, 10)),
          rng.uniform(3.2, 8.5),
          gable=rng.random() < 0.75,
        )
      )
      drive = x + width * rng.uniform(0.2, 0.8)
      ground.append(_strip(drive - 1, drive + 1, far_curb + 2, depth, 'pavement', _paving(rng)))
    x += width + rng.uniform(0.8, 6)
  things += [
    _tree(rng, conditions, rng.uniform(-18, 18), rng.uniform(far_curb + 2.3, front + 4))
    for _ in range(rng.integers(2, 8))
  ]
  things += [
    scene_lib.Lamp(x, far_curb + 0.5, 5.5) for x in np.arange(-20 + rng.uniform(0, 12), 22, 14.0)
  ]
  for x in rng.permutation([-8.0, -2.5, 3.0, 8.5])[: rng.integers(1, 4)]:
    view, z = ('left', middle + 1.7) if rng.random() < 0.5 else ('right', middle - 1.5)
    things.append(_vehicle(rng, x + rng.uniform(-0.5, 0.5), z, view, rng.random() < 0.6))
  things += _people(rng, rng.integers(1, 4), (-6, 6), (far_curb + 0.3, far_curb + 2))
  things += _people(rng, rng.integers(0, 3), (-2.5, 2.5), (max(curb - 1.0, 3.8), curb + 0.5))
  return ground, things


def _park(rng, conditions):
  """Grass with a path and trees."""
  width, skew = rng.uniform(0.8, 1.8), rng.uniform(-9, 9)
  path = ((-width, -5.0), (width, -5.0), (skew + width, 45.0), (skew - width, 45.0))
  material = str(rng.choice(['pavement', 'asphalt']))
  ground = [
    _strip(-_FAR, _FAR, -5, _FAR, 'grass', _grass(rng, conditions.autumn)),
    scene_lib.Strip(path, material, _paving(rng) if material == 'pavement' else _asphalt(rng)),
  ]
  things = []
  for _ in range(rng.integers(8, 22)):
    x, z = rng.uniform(-18, 18), rng.uniform(6, 50)
    if abs(x - skew * (z + 5) / 50) > width + 1.0:
      things.append(_tree(rng, conditions, x, z))
  if rng.random() < 0.5:
    x, z = rng.choice([-1, 1]) * rng.uniform(5, 12), rng.uniform(14, 30)
    things.append(_building(rng, (x - 4, x + 4), (z, z + 6), rng.uniform(3, 5), gable=True))
  things += _people(rng, rng.integers(2, 6), (-3.5, 3.5), (4, 16))
  things += [
    scene_lib.Lamp(skew * (z + 5) / 50 + width + 0.6, z, 4.2)
    for z in np.arange(rng.uniform(6, 12), 45, 14.0)
  ]
  return ground, things


def _yard(rng, conditions):
  """A car park close to a large building."""
  front = rng.uniform(11, 20)
  ground = [
    _strip(-_FAR, _FAR, -5, _FAR, 'asphalt', _asphalt(rng)),
    _strip(-_FAR, _FAR, front - 2.5, front, 'pavement', _paving(rng)),
  ]
  ground += [
    _strip(x - 0.06, x + 0.06, 5.0, 9.5, 'marking', (0.75, 0.75, 0.72))
    for x in np.arange(-15, 16, 2.6)
  ]
  start = rng.uniform(-22, -4)
  length = rng.uniform(18, 40)
  things = [
    _building(rng, (start, start + length), (front, front + 12), rng.uniform(5, 16), gable=False)
  ]
  if rng.random() < 0.6:
    x = start + length + rng.uniform(1, 4)
    things.append(_building(rng, (x, x + 12), (front + 2, front + 10), rng.uniform(3, 7)))
  things += [
    _tree(rng, conditions, rng.uniform(-14, 14), front - 1.5) for _ in range(rng.integers(0, 4))
  ]
  for x in np.arange(-14.3, 15, 2.6):
    if rng.random() < 0.4:
      things.append(_vehicle(rng, x, rng.uniform(5.2, 6.0), str(rng.choice(['front', 'rear']))))
  things += _people(rng, rng.integers(2, 6), (-5, 5), (4.5, front - 0.5))
  things += [scene_lib.Lamp(x, front - 2.4, 6.0) for x in (-8.0, 7.0)]
  return ground, things
