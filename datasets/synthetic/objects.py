"""Painting of the ground, buildings, trees, people and lamps: polygons, materials, shadows."""

import functools
import math

from datasets.synthetic import scene as scene_lib, vehicles
from datasets.synthetic.painter import box, circle, Painter, trapezoid, wall
from datasets.synthetic.scene import Color, NEAR, Pair

_WARM_LIGHT = (1.0, 0.72, 0.38)
_GLASS = (0.06, 0.08, 0.09)
# Beyond these distances in meters, details are smaller than a pixel.
_FAR_TREES, _FAR_WINDOWS = 60.0, 100.0
# Vertical, curved or thin things catch the sun on about half their surface.
_ROUND = 0.45
# Lower end, upper end and half the width of a conifer's tiers, relative to its size.
_TIERS = ((0.15, 0.6, 1.0), (0.4, 0.8, 0.75), (0.6, 1, 0.5))
# Center (x, y) and radius of a crown's blobs, relative to its size, and whether they are dark.
_BLOBS = (
  (0, 0, 1.0, True),
  (-0.35, 0.2, 0.6, False),
  (0.4, 0.1, 0.55, False),
  (0.05, 0.45, 0.5, False),
  (0.1, -0.3, 0.5, True),
)


def paint_scene(painter: Painter, scene: scene_lib.Scene) -> None:
  """Paints the ground and then all objects, far to near."""
  up = painter.facing(0, 1, 0)
  for strip in scene.ground:
    surface = painter.surface(strip.material, strip.color, facing=up, ground=True)
    painter.polygon([(x, 0.0, z) for x, z in strip.corners], surface)
  for thing in sorted(scene.objects, key=_far_end, reverse=True):
    match thing:
      case scene_lib.Building():
        _building(painter, thing)
      case scene_lib.Tree():
        _tree(painter, thing)
      case scene_lib.Vehicle():
        vehicles.paint(painter, thing)
      case scene_lib.Person():
        _person(painter, thing)
      case scene_lib.Lamp():
        _lamp(painter, thing)


def _far_end(thing: scene_lib.Thing) -> float:
  return thing.z[1] if isinstance(thing, scene_lib.Building) else thing.z


def _round_facing(painter: Painter) -> float:
  """Share of what the camera sees of a round thing that is on the sunny side."""
  return _ROUND * (1 + 0.7 * (painter.facing(0, 0, -1) - painter.facing(0, 0, 1)))


def _shade(color: Color, factor: float) -> Color:
  r, g, b = (min(channel * factor, 0.95) for channel in color)
  return r, g, b


def _building(painter: Painter, building: scene_lib.Building) -> None:
  (x0, x1), (z0, z1), height = building.x, building.z, building.height
  painter.shadow(box(x0, x1, z0, z1), height + 0.5 * building.roof_height, still=True)
  camera_x, _, camera_z = painter.camera.position
  if building.roof_height:
    _gable_roof(painter, building)
  if camera_x < x0 or camera_x > x1:
    side, normal = (x0, -1) if camera_x < x0 else (x1, 1)
    _facade(painter, building, side, painter.facing(normal, 0, 0))
  if z0 > camera_z + NEAR:
    _facade(painter, building, None, painter.facing(0, 0, -1))


def _gable_roof(painter: Painter, building: scene_lib.Building) -> None:
  (x0, x1), (z0, z1), height = building.x, building.z, building.height
  middle, top = (z0 + z1) / 2, height + building.roof_height
  slope = math.atan2(building.roof_height, middle - z0)
  facing = painter.facing(0, math.cos(slope), -math.sin(slope))
  roof = painter.surface('tile', building.roof_color, facing=facing, z=z0)
  if building.chimney:
    brick = painter.surface('chimney', (0.22, 0.1, 0.07), z=middle, facing=painter.facing(0, 0, -1))
    x = x0 + 0.7 * (x1 - x0)
    painter.polygon(wall((x, middle), (x + 0.7, middle), height, top + 0.9), brick)
  left, right, low, near = x0 - 0.4, x1 + 0.4, height - 0.15, z0 - 0.4
  painter.polygon(
    [(left, low, near), (right, low, near), (right, top, middle), (left, top, middle)], roof
  )


def _facade(
  painter: Painter, building: scene_lib.Building, side: float | None, facing: float
) -> None:
  """Paints the wall at x = `side`, else the front: the wall, windows and, in front, a door."""
  (x0, x1), (z0, z1), height = building.x, building.z, building.height
  front = side is None
  a, b = ((x0, z0), (x1, z0)) if side is None else ((side, z0), (side, z1))
  surface = functools.partial(painter.surface, facing=facing, z=z0, side_x=side)
  outside = surface(building.material, building.color)
  painter.polygon(wall(a, b, 0.0, height), outside)
  if building.roof_height and not front:
    ridge = (a[0], height + building.roof_height, (a[1] + b[1]) / 2)
    painter.polygon([(a[0], height, a[1]), (b[0], height, b[1]), ridge], outside)
  if z0 >= _FAR_WINDOWS:
    return
  lights = building.lit[0 if front else 1]
  rows, columns = lights.shape
  columns = min(columns, max(1, round(math.dist(a, b) / 2.5)))
  story = height / rows
  # Seen from the street a pane mirrors the sky or the other side.
  mirrored = 0.5 * painter.conditions.daylight
  lit = glass = surface('window', _shade(_GLASS, 1 + 2 * mirrored))
  if painter.conditions.is_night:
    lit = surface('window_lit', _GLASS, emission=_shade(_WARM_LIGHT, 0.6))
  half = building.window_size[0] / 2
  tall = building.window_size[1] * story
  for row in range(rows):
    sill = story * (row + 0.55) - tall / 2
    for column in range(columns):
      parts = [(column + 0.5 + end) / columns for end in (-half, half)]
      left, right = ((a[0] + p * (b[0] - a[0]), a[1] + p * (b[1] - a[1])) for p in parts)
      if front and row == 0 and column == columns // 2:
        door = surface('door', _shade(building.roof_color, 0.8))
        painter.polygon(wall(left, right, 0.0, min(2.2, 0.85 * story)), door)
      else:
        pane = lit if lights[row, column] else glass
        painter.polygon(wall(left, right, sill, sill + tall), pane)


def _tree(painter: Painter, tree: scene_lib.Tree) -> None:
  facing = _round_facing(painter)
  light = painter.surface('leaves', _shade(tree.color, 1.15), facing=1.3 * facing, z=tree.z)
  dark = painter.surface('leaves', _shade(tree.color, 0.65), facing=0.5 * facing, z=tree.z)
  base = 0.0 if tree.kind == 'bush' else 0.3 * tree.height
  if tree.kind != 'bush':
    trunk = painter.surface('trunk', (0.09, 0.065, 0.045), facing=facing, z=tree.z)
    wide = 0.035 * tree.height
    painter.billboard(tree.x, tree.z, trapezoid(wide, 0, 0.6 * wide, base * 1.6), trunk)
    painter.shadow(circle(tree.x, tree.z, wide, 4), base, still=True)
  crown = circle(tree.x, tree.z, 0.8 * tree.radius, 8)
  painter.shadow(crown, 0.9 * tree.height, base=base, still=True)
  if tree.kind == 'conifer':
    for low, high, wide in _TIERS:
      tier = trapezoid(wide * tree.radius, low * tree.height, 0, high * tree.height)
      painter.billboard(tree.x, tree.z, tier[:3], light if high == 1 else dark)
    return
  middle = (base + tree.height) / 2 if tree.kind == 'round' else 0.5 * tree.height
  tall = (tree.height - base) / 2
  for (dx, dy, size, is_dark), radii in zip(
    _BLOBS[: 2 if tree.z > _FAR_TREES else 5], tree.outline
  ):
    step = 2 * math.pi / len(radii)
    blob = [
      (
        tree.radius * (dx + size * radius * math.cos(i * step)),
        max(middle + tall * (dy + size * radius * math.sin(i * step)), 0.0),
      )
      for i, radius in enumerate(radii)
    ]
    painter.billboard(tree.x, tree.z, blob, dark if is_dark else light)


def _person(painter: Painter, person: scene_lib.Person) -> None:
  size, x, z = person.height, person.x, person.z
  facing = _round_facing(painter)
  painter.shadow(circle(x, z, 0.22, 5), size, still=False)
  coat = painter.surface('cloth', person.coat, facing=facing, z=z)
  trousers = painter.surface('cloth', person.trousers, facing=facing, z=z)
  skin = painter.surface('skin', person.skin, facing=facing, z=z)
  hair = painter.surface('hair', person.hair, facing=facing, z=z)

  def part(outline: list[Pair], surface: int, side: int = 1) -> None:
    painter.billboard(x, z, [(side * p * size, q * size) for p, q in outline], surface)

  stride = 0.05 + 0.08 * abs(math.sin(3 * (x + z)))
  for side in (-1, 1):
    part([(0.0, 0.5), (0.1, 0.5), (stride + 0.05, 0.0), (stride - 0.035, 0.0)], trousers, side)
    part([(0.09, 0.82), (0.14, 0.8), (0.19, 0.47), (0.13, 0.47)], coat, side)
    painter.disc((x + side * 0.16 * size, 0.45 * size, z), 0.03 * size, skin)
  part(trapezoid(0.11, 0.46, 0.13, 0.83), coat)
  painter.disc((x, 0.935 * size, z), 0.075 * size, hair, 0.85)
  painter.disc((x, 0.91 * size, z), 0.07 * size, skin, 0.8)


def _lamp(painter: Painter, lamp: scene_lib.Lamp) -> None:
  metal = painter.surface('metal', (0.12, 0.13, 0.13), facing=_round_facing(painter), z=lamp.z)
  painter.billboard(lamp.x, lamp.z, trapezoid(0.06, 0, 0.04, lamp.height), metal)
  head = metal
  if painter.conditions.is_night:
    head = painter.surface('lamp', (0.5, 0.5, 0.5), emission=_shade(_WARM_LIGHT, 3), z=lamp.z)
    painter.lights.append((lamp.x, lamp.height, lamp.z, 1.0, _WARM_LIGHT))
  painter.disc((lamp.x, lamp.height, lamp.z), 0.18, head, 1.6)
