"""Scenes drawn at random: streets, rows of houses, parks and yards."""

import colorsys

import numpy as np
from PIL import Image

from datasets.synthetic import scene as scene_lib
from datasets.synthetic.scene import Color, Pair

_TILE = 256
# (cells, weight); the cells divide the tile's size, so that its margins are whole.
_TEXTURE_OCTAVES = ((16, 1.0), (64, 0.8), (_TILE, 0.6))
_CLOUD_OCTAVES = ((8, 1.0), (16, 0.6), (32, 0.35))

_FAR = 400.0
_ACROSS = (-_FAR, _FAR)  # x of ground that reaches from side to side
# Ranges of hue, saturation and (display) value.
_COLORS = {
  'asphalt': ((0.55, 0.75), (0.0, 0.1), (0.28, 0.72)),
  'pavement': ((0.02, 0.12), (0.0, 0.3), (0.5, 0.9)),
  'brick': ((-0.02, 0.11), (0.2, 0.65), (0.35, 0.85)),
  'roof': ((-0.03, 0.08), (0.0, 0.65), (0.22, 0.75)),
  'trousers': ((0.5, 0.7), (0, 0.5), (0.1, 0.6)),
  'hair': ((0.02, 0.13), (0.2, 0.7), (0.05, 0.6)),
}
# Heights in meters, and the radius as a share of the height.
_TREES = {'round': ((4.5, 9), 0.32), 'conifer': ((5, 11), 0.2), 'bush': ((0.8, 2.0), 0.7)}
_HEADINGS = {'front': (0, -1), 'rear': (0, 1), 'left': (-1, 0), 'right': (1, 0)}


def random_scene(seed: int, sequence: int, hidden_kelvin: float = 0.0) -> scene_lib.Scene:
  """Makes the scene of one sequence, always the same for the same non-negative arguments.

  `hidden_kelvin` is the standard deviation of an offset of the air temperature that the color
  camera does not see. Nothing else depends on it.
  """
  rng = np.random.default_rng([seed, scene_lib.LAYOUT_STREAM, sequence])
  conditions = scene_lib.random_conditions(rng, seed, sequence)
  style = (_street, _houses, _park, _yard)[rng.choice(4, p=[0.3, 0.3, 0.2, 0.2])]
  focal, horizon, center = rng.uniform(0.8, 1.25), rng.uniform(0.34, 0.68), rng.uniform(0.3, 0.7)
  camera = scene_lib.Camera(focal, horizon, center, (0.0, rng.uniform(1.6, 3.6), 0.0))
  place = _Place(rng, conditions.autumn)
  style(place, rng)
  noise = np.stack([_noise_tile(rng, _TEXTURE_OCTAVES) for _ in range(2)])
  _skyline(place, rng)
  clouds = _noise_tile(rng, _CLOUD_OCTAVES)
  exposure, tint = rng.uniform(0.85, 1.3), rng.normal(1.0, 0.03, 3)
  ground, things = tuple(place.ground), tuple(place.things)
  scene = scene_lib.Scene(conditions, camera, ground, things, noise, clouds, exposure, tint)
  if not hidden_kelvin:
    return scene
  hidden = np.random.default_rng([seed, scene_lib.HIDDEN_STREAM, sequence])
  return scene.warmed(hidden_kelvin * hidden.standard_normal())


def _noise_tile(rng: np.random.Generator, octaves: tuple[tuple[int, float], ...]) -> np.ndarray:
  """Soft noise that repeats without seams, float32 [256, 256]."""
  tile = np.zeros((_TILE, _TILE), np.float32)
  for cells, weight in octaves:
    wrapped = np.pad(rng.standard_normal((cells, cells), np.float32), 2, mode='wrap')
    size = _TILE // cells * (cells + 4)
    grown = Image.fromarray(wrapped).resize((size, size), Image.Resampling.BICUBIC)
    margin = (size - _TILE) // 2
    tile += weight * np.asarray(grown)[margin : margin + _TILE, margin : margin + _TILE]
  return tile / tile.std()


class _Place:
  """A place under construction: its methods draw things at random and add them."""

  def __init__(self, rng: np.random.Generator, autumn: float):
    self.ground: list[scene_lib.Strip] = []
    self.things: list[scene_lib.Thing] = []
    self._rng, self._autumn = rng, autumn

  def _color(self, hue: Pair, saturation: Pair, value: Pair) -> Color:
    h, s, v = (self._rng.uniform(*bounds) for bounds in (hue, saturation, value))
    r, g, b = colorsys.hsv_to_rgb(h % 1.0, s, v)
    return r**2.2, g**2.2, b**2.2

  def _any_color(self) -> Color:
    """Paint or cloth: half of it gray to white or black, half colored."""
    saturation = (0.0, 0.1) if self._rng.random() < 0.5 else (0.4, 0.9)
    return self._color((0, 1), saturation, (0.12, 0.95))

  def strip(self, x: Pair, z: Pair, material: str) -> None:
    """Adds a rectangle of ground in a color of its material."""
    self.polygon(((x[0], z[0]), (x[1], z[0]), (x[1], z[1]), (x[0], z[1])), material)

  def polygon(self, corners: tuple[Pair, ...], material: str) -> None:
    """Adds ground between (x, z) corners in a color of its material."""
    if material == 'marking':
      color = (0.75, 0.75, 0.72)
    elif material == 'grass':
      hue = 0.27 - 0.12 * self._autumn
      color = self._color((hue - 0.02, hue + 0.02), (0.35, 0.65), (0.35, 0.7))
    else:
      color = self._color(*_COLORS[material])
    self.ground.append(scene_lib.Strip(corners, material, color))

  def building(self, x: Pair, z: Pair, height: float, gable: bool | None = None) -> None:
    """Adds a building; low ones mostly have a gable roof unless `gable` says so."""
    rng = self._rng
    material = str(rng.choice(['brick', 'plaster', 'plaster', 'wood']))
    color = self._color(*_COLORS['brick']) if material == 'brick' else self._any_color()
    floors = max(1, round(height / 3.0))
    columns = max(1, round((x[1] - x[0]) / rng.uniform(2.2, 4.0)), round((z[1] - z[0]) / 3.0))
    lit = rng.random((2, floors, columns)) < rng.uniform(0.1, 0.6)
    if gable is None:
      gable = height < 8 and rng.random() < 0.7
    roof_height = rng.uniform(1.8, 3.8) if gable else 0.0
    roof_color = self._color(*_COLORS['roof'])
    window = (rng.uniform(0.3, 0.65), rng.uniform(0.4, 0.65))
    chimney = bool(rng.random() < 0.6)
    thing = scene_lib.Building(
      x, z, height, roof_height, material, color, roof_color, window, lit, chimney
    )
    self.things.append(thing)

  def tree(self, x: float, z: float, kind: str = '') -> None:
    """Adds a tree of a kind, or of any kind."""
    rng = self._rng
    kind = kind or str(rng.choice(['round', 'round', 'conifer', 'bush']))
    heights, slender = _TREES[kind]
    height = rng.uniform(*heights)
    radius = height * slender * rng.uniform(0.8, 1.25)
    # Conifers stay green; leaves go from green (0.3) to orange (0.1).
    hue = 0.30 - 0.2 * (0.0 if kind == 'conifer' else self._autumn)
    color = self._color((hue - 0.03, hue + 0.03), (0.45, 0.8), (0.28, 0.7))
    outline = rng.uniform(0.78, 1.18, (5, 14))
    self.things.append(scene_lib.Tree(x, z, height, radius, kind, color, outline))

  def vehicle(self, x: float, z: float, view: str, moving: bool = False) -> None:
    """Adds a car or van that is parked, or drives the way its nose points."""
    rng = self._rng
    speed = rng.uniform(0.8, 1.8) if moving else 0.0
    is_van, color = bool(rng.random() < 0.25), self._any_color()
    running = bool(moving or rng.random() < 0.25)
    dx, dz = _HEADINGS[view]
    thing = scene_lib.Vehicle(x, z, view, is_van, color, running, (dx * speed, dz * speed))
    self.things.append(thing)

  def people(self, low: int, high: int, x: Pair, z: Pair) -> None:
    """Adds `low` to `high` - 1 people within ranges of x and z."""
    rng = self._rng
    for _ in range(rng.integers(low, high)):
      tone = rng.uniform(0.25, 0.85)
      skin = (tone**1.6, 0.72 * tone**2.0, 0.6 * tone**2.2)
      at, height = (rng.uniform(*x), rng.uniform(*z)), rng.uniform(1.5, 1.95)
      coat, trousers = self._any_color(), self._color(*_COLORS['trousers'])
      hair = self._color(*_COLORS['hair'])
      velocity = (rng.uniform(-1, 1), rng.uniform(-0.5, 0.5))
      self.things.append(scene_lib.Person(*at, height, coat, trousers, skin, hair, velocity))

  def lamp(self, x: float, z: float, height: float) -> None:
    self.things.append(scene_lib.Lamp(x, z, height))


def _skyline(place: _Place, rng: np.random.Generator) -> None:
  """Far trees or houses, so that the ground does not end at a bare horizon."""
  for x in np.arange(-95, 95, 9.0):
    if rng.random() < 0.55:
      place.tree(x + rng.uniform(-3, 3), 105.0, 'round')
    elif rng.random() < 0.6:
      z = rng.uniform(108, 115)
      place.building((x, x + rng.uniform(7, 14)), (z, z + 8), rng.uniform(5, 16))


def _street(place: _Place, rng: np.random.Generator) -> None:
  """Looking along a road between two rows of buildings or trees."""
  road, walk = rng.uniform(3.2, 5.0), rng.uniform(1.8, 3.2)
  edge = road + walk
  place.strip(_ACROSS, (-5, _FAR), 'grass')
  place.strip((-edge, edge), (-5, _FAR), 'pavement')
  place.strip((-road, road), (-5, _FAR), 'asphalt')
  for z in np.arange(2.0, 60, 6.0):
    place.strip((-0.08, 0.08), (z, z + 2.5), 'marking')
  for side in (-1, 1):
    _street_side(place, rng, side, road, edge)
  if rng.random() < 0.75:
    side = rng.choice([-1, 1])
    view = 'front' if side < 0 else 'rear'
    place.vehicle(side * road * 0.35, rng.uniform(7, 22), view, moving=True)
  for low, high in ((-edge, -road), (road, edge)):
    place.people(1, 4, (low, high), (5, 20))
  place.people(0, 3, (-road, road), (6, 16))


def _street_side(
  place: _Place, rng: np.random.Generator, side: int, road: float, edge: float
) -> None:
  """Buildings or trees, lamps and parked cars at the left (side -1) or right (1)."""
  built = rng.random() < 0.75
  z = rng.uniform(-2, 8)
  while z < 75:
    length = rng.uniform(7, 16)
    if rng.random() < (0.85 if built else 0.15):
      near, far = edge + rng.uniform(0, 1.5), edge + rng.uniform(8, 14)
      x = (near, far) if side > 0 else (-far, -near)
      place.building(x, (z, z + length), rng.uniform(4, 15))
    else:
      for part in (0.2, 0.7):
        place.tree(side * (edge + rng.uniform(1, 6)), z + length * part)
    z += length + rng.uniform(0, 1.5)
  for z in np.arange(rng.uniform(5, 15), 60, 22.0):
    place.lamp(side * (road + 0.4), z, 6.0)
  for z in np.arange(rng.uniform(6, 10), 45, 7.0):
    if rng.random() < 0.45:
      place.vehicle(side * (road - 1.0), z, 'front' if side < 0 else 'rear')


def _houses(place: _Place, rng: np.random.Generator) -> None:
  """A road from left to right before a row of houses with gardens."""
  curb = rng.uniform(3.5, 6.0)
  far_curb = curb + rng.uniform(5.0, 8.0)
  front = far_curb + rng.uniform(2.5, 9.0)
  place.strip(_ACROSS, (far_curb, _FAR), 'grass')
  place.strip(_ACROSS, (-5, far_curb + 2.0), 'pavement')
  place.strip(_ACROSS, (curb, far_curb), 'asphalt')
  middle = (curb + far_curb) / 2
  for x in np.arange(-30, 30, 4.5):
    place.strip((x, x + 1.8), (middle - 0.07, middle + 0.07), 'marking')
  x = -32.0 + rng.uniform(0, 8)
  while x < 32:
    width = rng.uniform(6, 13)
    depth = front + rng.uniform(0, 3)
    if rng.random() < 0.8:
      z = (depth, depth + rng.uniform(7, 10))
      place.building((x, x + width), z, rng.uniform(3.2, 8.5), gable=rng.random() < 0.75)
      drive = x + width * rng.uniform(0.2, 0.8)
      place.strip((drive - 1, drive + 1), (far_curb + 2, depth), 'pavement')
    x += width + rng.uniform(0.8, 6)
  for _ in range(rng.integers(2, 8)):
    place.tree(rng.uniform(-18, 18), rng.uniform(far_curb + 2.3, front + 4))
  for x in np.arange(-20 + rng.uniform(0, 12), 22, 14.0):
    place.lamp(x, far_curb + 0.5, 5.5)
  for x in rng.permutation([-8.0, -2.5, 3.0, 8.5])[: rng.integers(1, 4)]:
    view, z = ('left', middle + 1.7) if rng.random() < 0.5 else ('right', middle - 1.5)
    place.vehicle(x + rng.uniform(-0.5, 0.5), z, view, moving=rng.random() < 0.6)
  place.people(1, 4, (-6, 6), (far_curb + 0.3, far_curb + 2))
  place.people(0, 3, (-2.5, 2.5), (max(curb - 1.0, 3.8), curb + 0.5))


def _park(place: _Place, rng: np.random.Generator) -> None:
  """Grass with a path and trees."""
  width, skew = rng.uniform(0.8, 1.8), rng.uniform(-9, 9)
  material = str(rng.choice(['pavement', 'asphalt']))
  place.strip(_ACROSS, (-5, _FAR), 'grass')
  path = ((-width, -5.0), (width, -5.0), (skew + width, 45.0), (skew - width, 45.0))
  place.polygon(path, material)
  for _ in range(rng.integers(8, 22)):
    x, z = rng.uniform(-18, 18), rng.uniform(6, 50)
    if abs(x - skew * (z + 5) / 50) > width + 1.0:
      place.tree(x, z)
  if rng.random() < 0.5:
    x, z = rng.choice([-1, 1]) * rng.uniform(5, 12), rng.uniform(14, 30)
    place.building((x - 4, x + 4), (z, z + 6), rng.uniform(3, 5), gable=True)
  place.people(2, 6, (-3.5, 3.5), (4, 16))
  for z in np.arange(rng.uniform(6, 12), 45, 14.0):
    place.lamp(skew * (z + 5) / 50 + width + 0.6, z, 4.2)


def _yard(place: _Place, rng: np.random.Generator) -> None:
  """A car park close to a large building."""
  front = rng.uniform(11, 20)
  place.strip(_ACROSS, (-5, _FAR), 'asphalt')
  place.strip(_ACROSS, (front - 2.5, front), 'pavement')
  for x in np.arange(-15, 16, 2.6):
    place.strip((x - 0.06, x + 0.06), (5.0, 9.5), 'marking')
  start = rng.uniform(-22, -4)
  length = rng.uniform(18, 40)
  place.building((start, start + length), (front, front + 12), rng.uniform(5, 16), gable=False)
  if rng.random() < 0.6:
    x = start + length + rng.uniform(1, 4)
    place.building((x, x + 12), (front + 2, front + 10), rng.uniform(3, 7))
  for _ in range(rng.integers(0, 4)):
    place.tree(rng.uniform(-14, 14), front - 1.5)
  for x in np.arange(-14.3, 15, 2.6):
    if rng.random() < 0.4:
      place.vehicle(x, rng.uniform(5.2, 6.0), str(rng.choice(['front', 'rear'])))
  place.people(2, 6, (-5, 5), (4.5, front - 0.5))
  for x in (-8.0, 7.0):
    place.lamp(x, front - 2.4, 6.0)
