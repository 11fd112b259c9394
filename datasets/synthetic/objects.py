"""How each kind of thing is painted: its polygons, materials and shadow."""

import math

from datasets.synthetic import painter as painter_lib, scene as scene_lib

_WARM_LIGHT = (1.0, 0.72, 0.38)
_HEADLIGHT = (1.0, 0.97, 0.88)
_GLASS = (0.06, 0.08, 0.09)
_RUBBER = (0.02, 0.02, 0.022)
# Beyond these distances in meters, details are smaller than a pixel.
_FAR_TREES, _FAR_WINDOWS = 60.0, 100.0
# Vertical, curved or thin things catch the sun on about half their surface.
_ROUND = 0.45


def paint_scene(painter, scene):
  """Paints the ground and then all objects, far to near."""
  up = painter.facing(0, 1, 0)
  for strip in scene.ground:
    surface = painter.surface(strip.material, strip.color, facing=up, ground=True)
    painter.polygon([(x, 0.0, z) for x, z in strip.corners], surface)
  for thing in sorted(scene.objects, key=lambda thing: -thing.order):
    _PAINTERS[type(thing)](painter, thing)


def _round_facing(painter):
  # How much of what the camera sees is on the sunny side.
  return _ROUND * (1 + 0.7 * (painter.facing(0, 0, -1) - painter.facing(0, 0, 1)))


def _shade(color, factor):
  return tuple(min(channel * factor, 0.95) for channel in color)


def _quad(a, b, low, high):
  """An upright rectangle between the ground points a and b, each (x, z)."""
  return [(a[0], low, a[1]), (b[0], low, b[1]), (b[0], high, b[1]), (a[0], high, a[1])]


def _between(a, b, part):
  return a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1])


def _building(painter, building):
  (x0, x1), (z0, z1), height = building.x, building.z, building.height
  painter.shadow(
    [(x0, z0), (x1, z0), (x1, z1), (x0, z1)], height + 0.5 * building.roof_height, still=True
  )
  camera_x, _, camera_z = painter.camera.position
  if building.roof_height:
    _gable_roof(painter, building)
  if camera_x < x0 or camera_x > x1:
    side, normal = (x0, -1) if camera_x < x0 else (x1, 1)
    plane = {'side_x': side, 'facing': painter.facing(normal, 0, 0)}
    wall = painter.surface(building.material, building.color, **plane)
    ends = (side, z0), (side, z1)
    painter.polygon(_quad(*ends, 0.0, height), wall)
    if building.roof_height:
      ridge = (side, height + building.roof_height, (z0 + z1) / 2)
      painter.polygon([(side, height, z0), (side, height, z1), ridge], wall)
    if z0 < _FAR_WINDOWS:
      _windows(painter, building, *ends, 1, plane)
  if z0 > camera_z + scene_lib.NEAR:
    plane = {'z': z0, 'facing': painter.facing(0, 0, -1)}
    wall = painter.surface(building.material, building.color, **plane)
    ends = (x0, z0), (x1, z0)
    painter.polygon(_quad(*ends, 0.0, height), wall)
    if z0 < _FAR_WINDOWS:
      _windows(painter, building, *ends, 0, plane)


def _gable_roof(painter, building):
  (x0, x1), (z0, z1), height = building.x, building.z, building.height
  middle, top = (z0 + z1) / 2, height + building.roof_height
  slope = math.atan2(building.roof_height, middle - z0)
  facing = painter.facing(0, math.cos(slope), -math.sin(slope))
  roof = painter.surface('tile', building.roof_color, facing=facing, z=z0)
  if building.chimney:
    brick = painter.surface('chimney', (0.22, 0.1, 0.07), z=middle, facing=painter.facing(0, 0, -1))
    x = x0 + 0.7 * (x1 - x0)
    painter.polygon(_quad((x, middle), (x + 0.7, middle), height, top + 0.9), brick)
  eave, rise = 0.4, 0.15
  painter.polygon(
    [
      (x0 - eave, height - rise, z0 - eave),
      (x1 + eave, height - rise, z0 - eave),
      (x1 + eave, top, middle),
      (x0 - eave, top, middle),
    ],
    roof,
  )


def _windows(painter, building, a, b, face, plane):
  """Paints a grid of windows, and a door, on the wall from a to b."""
  _, rows, columns = building.lit.shape
  length = math.dist(a, b)
  columns = min(columns, max(1, round(length / 2.5)))
  story = building.height / rows
  # Seen from the street a pane mirrors the sky or the other side.
  mirrored = 0.5 * painter.conditions.daylight
  glass = painter.surface('window', _shade(_GLASS, 1 + 2 * mirrored), **plane)
  glow = tuple(0.6 * channel for channel in _WARM_LIGHT)
  lit = glass
  if painter.conditions.is_night:
    lit = painter.surface('window_lit', _GLASS, emission=glow, **plane)
  half = building.window_size[0] / 2
  tall = building.window_size[1] * story
  door_column = columns // 2 if face == 0 else -1
  for row in range(rows):
    sill = story * (row + 0.55) - tall / 2
    for column in range(columns):
      left = _between(a, b, (column + 0.5 - half) / columns)
      right = _between(a, b, (column + 0.5 + half) / columns)
      if row == 0 and column == door_column:
        door = painter.surface('door', _shade(building.roof_color, 0.8), **plane)
        painter.polygon(_quad(left, right, 0.0, min(2.2, 0.85 * story)), door)
        continue
      pane = lit if building.lit[face, row, column] else glass
      painter.polygon(_quad(left, right, sill, sill + tall), pane)


def _tree(painter, tree):
  facing = _round_facing(painter)
  light = painter.surface('leaves', _shade(tree.color, 1.15), facing=1.3 * facing, z=tree.z)
  dark = painter.surface('leaves', _shade(tree.color, 0.65), facing=0.5 * facing, z=tree.z)
  base = 0.0 if tree.kind == 'bush' else 0.3 * tree.height
  if tree.kind != 'bush':
    trunk = painter.surface('trunk', (0.09, 0.065, 0.045), facing=facing, z=tree.z)
    wide = 0.035 * tree.height
    painter.billboard(
      tree.x,
      tree.z,
      [(-wide, 0), (wide, 0), (0.6 * wide, base * 1.6), (-0.6 * wide, base * 1.6)],
      trunk,
    )
    painter.shadow(painter_lib.circle(tree.x, tree.z, wide, 4), base, still=True)
  crown = painter_lib.circle(tree.x, tree.z, 0.8 * tree.radius, 8)
  painter.shadow(crown, 0.9 * tree.height, base=base, still=True)
  if tree.kind == 'conifer':
    for tier, (low, high, wide) in enumerate(((0.15, 0.6, 1.0), (0.4, 0.8, 0.75), (0.6, 1, 0.5))):
      points = [
        (-wide * tree.radius, low * tree.height),
        (wide * tree.radius, low * tree.height),
        (0, high * tree.height),
      ]
      painter.billboard(tree.x, tree.z, points, light if tier == 2 else dark)
    return
  middle = (base + tree.height) / 2 if tree.kind == 'round' else 0.5 * tree.height
  tall = (tree.height - base) / 2
  blobs = (
    (0, 0, 1.0, dark),
    (-0.35, 0.2, 0.6, light),
    (0.4, 0.1, 0.55, light),
    (0.05, 0.45, 0.5, light),
    (0.1, -0.3, 0.5, dark),
  )
  for (dx, dy, size, surface), radii in zip(blobs[: 2 if tree.z > _FAR_TREES else 5], tree.outline):
    step = 2 * math.pi / len(radii)
    points = [
      (
        tree.radius * (dx + size * radius * math.cos(i * step)),
        max(middle + tall * (dy + size * radius * math.sin(i * step)), 0.0),
      )
      for i, radius in enumerate(radii)
    ]
    painter.billboard(tree.x, tree.z, points, surface)


def _person(painter, person):
  size, x, z = person.height, person.x, person.z
  facing = _round_facing(painter)
  painter.shadow(painter_lib.circle(x, z, 0.22, 5), size, still=False)
  coat, trousers, skin, hair = (
    painter.surface(material, color, facing=facing, z=z)
    for material, color in (
      ('cloth', person.coat),
      ('cloth', person.trousers),
      ('skin', person.skin),
      ('hair', person.hair),
    )
  )
  stride = 0.05 + 0.08 * abs(math.sin(3 * (x + z)))
  for side in (-1, 1):
    painter.billboard(
      x,
      z,
      [
        (side * p * size, q * size)
        for p, q in ((0.0, 0.5), (0.1, 0.5), (stride + 0.05, 0.0), (stride - 0.035, 0.0))
      ],
      trousers,
    )
    painter.billboard(
      x,
      z,
      [
        (side * p * size, q * size)
        for p, q in ((0.09, 0.82), (0.14, 0.8), (0.19, 0.47), (0.13, 0.47))
      ],
      coat,
    )
    painter.disc(x + side * 0.16 * size, 0.45 * size, z, 0.03 * size, skin)
  painter.billboard(
    x,
    z,
    [(p * size, q * size) for p, q in ((-0.11, 0.46), (0.11, 0.46), (0.13, 0.83), (-0.13, 0.83))],
    coat,
  )
  painter.disc(x, 0.935 * size, z, 0.075 * size, hair, 0.85)
  painter.disc(x, 0.91 * size, z, 0.07 * size, skin, 0.8)


def _lamp(painter, lamp):
  is_night = painter.conditions.is_night
  metal = painter.surface('metal', (0.12, 0.13, 0.13), facing=_round_facing(painter), z=lamp.z)
  painter.billboard(
    lamp.x, lamp.z, [(-0.06, 0), (0.06, 0), (0.04, lamp.height), (-0.04, lamp.height)], metal
  )
  head = metal
  if is_night:
    head = painter.surface('lamp', (0.5, 0.5, 0.5), emission=_shade(_WARM_LIGHT, 3), z=lamp.z)
    painter.lights.append((lamp.x, lamp.height, lamp.z, 1.0, _WARM_LIGHT))
  painter.disc(lamp.x, lamp.height, lamp.z, 0.18, head, 1.6)


def _vehicle_surfaces(painter, vehicle, facing):
  """Surfaces by name; a running engine shows as warm parts and lit lamps."""
  running = vehicle.running
  glow = 1.5 if running else 0.0
  # name: material, albedo, emission
  parts = {
    'body': ('paint', vehicle.color, 0.0),
    'engine': ('engine' if running else 'paint', vehicle.color, 0.0),
    'glass': ('glazing', _GLASS, 0.0),
    'wheel': ('warm_tire' if running else 'tire', _RUBBER, 0.0),
    'under': ('warm_tire' if running else 'tire', _RUBBER, 0.0),
    'exhaust': ('exhaust' if running else 'tire', _RUBBER, 0.0),
    'head': ('warm_lens' if running else 'lens', (0.6, 0.6, 0.6), glow),
    'tail': ('warm_lens' if running else 'lens', (0.35, 0.02, 0.02), glow),
  }
  tint = {'head': _HEADLIGHT, 'tail': (1.0, 0.06, 0.04)}
  return {
    name: painter.surface(
      material,
      albedo,
      facing=facing,
      z=vehicle.z,
      emission=tuple(strength * channel for channel in tint.get(name, (0, 0, 0))),
    )
    for name, (material, albedo, strength) in parts.items()
  }


def _vehicle(painter, vehicle):
  if vehicle.view in ('left', 'right'):
    _vehicle_from_side(painter, vehicle)
  else:
    _vehicle_from_end(painter, vehicle)


def _vehicle_from_side(painter, vehicle):
  x, z = vehicle.x, vehicle.z
  way = 1 if vehicle.view == 'right' else -1
  top = 2.1 if vehicle.is_van else 1.45
  painter.shadow(
    [(x - 2.1, z), (x + 2.1, z), (x + 2.1, z + 1.7), (x - 2.1, z + 1.7)],
    0.8 * top,
    base=0.2,
    still=vehicle.velocity == (0.0, 0.0),
  )
  part = _vehicle_surfaces(painter, vehicle, painter.facing(0, 0, -1))

  def panel(points, name):
    painter.billboard(x, z, [(way * dx, y) for dx, y in points], part[name])

  rear = -2.1 if vehicle.is_van else -1.6
  panel([(-2.0, 0.08), (2.0, 0.08), (2.0, 0.3), (-2.0, 0.3)], 'under')
  panel([(-2.1, 0.25), (2.1, 0.25), (2.1, 0.75), (1.2, 0.9), (-2.1, 0.9)], 'body')
  panel([(rear, 0.9), (1.2, 0.9), (0.6, top), (rear + 0.3, top)], 'body')
  panel([(1.15, 0.45), (2.1, 0.42), (2.1, 0.75), (1.15, 0.9)], 'engine')
  panel([(-0.1, 0.93), (1.0, 0.93), (0.55, top - 0.12), (-0.1, top - 0.12)], 'glass')
  if not vehicle.is_van:
    panel([(-1.4, 0.93), (-0.2, 0.93), (-0.2, top - 0.12), (-1.1, top - 0.12)], 'glass')
  panel([(1.95, 0.58), (2.12, 0.58), (2.12, 0.74), (1.9, 0.74)], 'head')
  panel([(-2.12, 0.6), (-1.98, 0.6), (-1.98, 0.82), (-2.12, 0.82)], 'tail')
  panel([(-2.2, 0.2), (-1.9, 0.2), (-1.9, 0.32), (-2.2, 0.32)], 'exhaust')
  for dx in (-1.3, 1.35):
    painter.disc(x + way * dx, 0.32, z, 0.33, part['wheel'])
  if vehicle.running and painter.conditions.is_night:
    painter.lights.append((x + way * 4.0, 0.6, z, 0.5, _HEADLIGHT))


def _vehicle_from_end(painter, vehicle):
  x, z = vehicle.x, vehicle.z
  half, top = (0.95, 2.1) if vehicle.is_van else (0.88, 1.45)
  is_front, far = vehicle.view == 'front', z + 4.2
  painter.shadow(
    [(x - half, z), (x + half, z), (x + half, far), (x - half, far)],
    0.8 * top,
    base=0.2,
    still=vehicle.velocity == (0.0, 0.0),
  )
  part = _vehicle_surfaces(painter, vehicle, painter.facing(0, 0, -1))
  _vehicle_flank(painter, vehicle, half, top)

  def panel(points, name):
    painter.billboard(x, z, points, part[name])

  def box(x0, x1, y0, y1, name):
    panel([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], name)

  box(-half + 0.1, half - 0.1, 0.1, 0.32, 'under')
  for side in (-1, 1):
    box(*sorted((side * (half - 0.22), side * half)), 0.0, 0.4, 'wheel')
  panel([(-half, 0.85), (half, 0.85), (0.8 * half, top), (-0.8 * half, top)], 'body')
  panel(
    [
      (-0.86 * half, 0.92),
      (0.86 * half, 0.92),
      (0.72 * half, top - 0.1),
      (-0.72 * half, top - 0.1),
    ],
    'glass',
  )
  box(-half, half, 0.28, 0.88, 'body')
  if is_front:
    box(-0.75 * half, 0.75 * half, 0.35, 0.86, 'engine')
  else:
    box(0.3 * half, 0.6 * half, 0.16, 0.28, 'exhaust')
  for side in (-1, 1):
    box(
      *sorted((side * 0.6 * half, side * 0.95 * half)), 0.56, 0.74, 'head' if is_front else 'tail'
    )
  if vehicle.running and painter.conditions.is_night:
    painter.lights.append((x, 0.6, z - 3.0 if is_front else far + 4.0, 0.5, _HEADLIGHT))


def _vehicle_flank(painter, vehicle, half, top):
  """The long side of a vehicle seen from its end."""
  camera_x = painter.camera.position[0]
  if abs(camera_x - vehicle.x) <= half or vehicle.z - painter.camera.position[2] < 1.0:
    return
  normal = 1 if camera_x > vehicle.x else -1
  side, z = vehicle.x + normal * half, vehicle.z
  plane = {'side_x': side, 'facing': painter.facing(normal, 0, 0)}
  body = painter.surface('paint', vehicle.color, **plane)
  glass = painter.surface('glazing', _GLASS, **plane)
  wheel = painter.surface('warm_tire' if vehicle.running else 'tire', _RUBBER, **plane)
  painter.polygon(_quad((side, z), (side, z + 4.2), 0.25, 0.88), body)
  painter.polygon(_quad((side, z + 0.5), (side, z + 3.6), 0.88, top), body)
  painter.polygon(_quad((side, z + 0.8), (side, z + 3.2), 0.95, top - 0.15), glass)
  for start in (0.5, 3.0):
    painter.polygon(_quad((side, z + start), (side, z + start + 0.65), 0.0, 0.6), wheel)


_PAINTERS = {
  scene_lib.Building: _building,
  scene_lib.Tree: _tree,
  scene_lib.Vehicle: _vehicle,
  scene_lib.Person: _person,
  scene_lib.Lamp: _lamp,
}
