"""Painting of cars and vans: polygons, materials, shadow and lights."""

import functools

from datasets.synthetic.painter import box, Painter, trapezoid, wall
from datasets.synthetic.scene import Pair, Vehicle

_HEADLIGHT = (1.0, 0.97, 0.88)
# What lit lamps add to their surfaces.
_HEAD_GLOW = (1.5, 1.5 * 0.97, 1.5 * 0.88)
_TAIL_GLOW = (1.5, 1.5 * 0.06, 1.5 * 0.04)
_DARK = (0.0, 0.0, 0.0)
_GLASS = (0.06, 0.08, 0.09)
_RUBBER = (0.02, 0.02, 0.022)


def paint(painter: Painter, vehicle: Vehicle) -> None:
  """Paints a vehicle as the camera sees it: from its side, or from an end with one flank."""
  x, z = vehicle.x, vehicle.z
  from_side = vehicle.view in ('left', 'right')
  half, top = (0.95, 2.1) if vehicle.is_van else (0.88, 1.45)
  # Half its extent in x, its far end in z, and how far away its lights fall onto the ground.
  reach, far = (2.1, z + 1.7) if from_side else (half, z + 4.2)
  lit = {'left': (x - 4.0, z), 'right': (x + 4.0, z), 'front': (x, z - 3.0), 'rear': (x, far + 4.0)}
  still = vehicle.velocity == (0.0, 0.0)
  painter.shadow(box(x - reach, x + reach, z, far), 0.8 * top, base=0.2, still=still)
  surfaces = _surfaces(painter, vehicle)
  if from_side:
    way = 1 if vehicle.view == 'right' else -1
    for name, outline in _side_panels(vehicle.is_van, top):
      painter.billboard(x, z, [(way * dx, y) for dx, y in outline], surfaces[name])
    for dx in (-1.3, 1.35):
      painter.disc((x + way * dx, 0.32, z), 0.33, surfaces['wheel'])
  else:
    _flank(painter, vehicle, half, top)
    for name, outline in _end_panels(vehicle.view == 'front', half, top):
      painter.billboard(x, z, outline, surfaces[name])
  if vehicle.running and painter.conditions.is_night:
    light_x, light_z = lit[vehicle.view]
    painter.lights.append((light_x, 0.6, light_z, 0.5, _HEADLIGHT))


def _surfaces(painter: Painter, vehicle: Vehicle) -> dict[str, int]:
  """Surfaces by name; a running engine shows as warm parts and lit lamps."""
  running, paint = vehicle.running, vehicle.color
  add = functools.partial(painter.surface, facing=painter.facing(0, 0, -1), z=vehicle.z)
  wheel, lens = ('warm_tire', 'warm_lens') if running else ('tire', 'lens')
  head, tail = (_HEAD_GLOW, _TAIL_GLOW) if running else (_DARK, _DARK)
  return {
    'body': add('paint', paint),
    'engine': add('engine' if running else 'paint', paint),
    'glass': add('glazing', _GLASS),
    'wheel': add(wheel, _RUBBER),
    'exhaust': add('exhaust' if running else 'tire', _RUBBER),
    'head': add(lens, (0.6, 0.6, 0.6), emission=head),
    'tail': add(lens, (0.35, 0.02, 0.02), emission=tail),
  }


def _side_panels(is_van: bool, top: float) -> list[tuple[str, list[Pair]]]:
  """Names of surfaces and outlines of a vehicle whose nose points to the right."""
  rear = -2.1 if is_van else -1.6
  rear_glass = [(-1.4, 0.93), (-0.2, 0.93), (-0.2, top - 0.12), (-1.1, top - 0.12)]
  return [
    ('wheel', box(-2.0, 2.0, 0.08, 0.3)),
    ('body', [(-2.1, 0.25), (2.1, 0.25), (2.1, 0.75), (1.2, 0.9), (-2.1, 0.9)]),
    ('body', [(rear, 0.9), (1.2, 0.9), (0.6, top), (rear + 0.3, top)]),
    ('engine', [(1.15, 0.45), (2.1, 0.42), (2.1, 0.75), (1.15, 0.9)]),
    ('glass', [(-0.1, 0.93), (1.0, 0.93), (0.55, top - 0.12), (-0.1, top - 0.12)]),
    *([] if is_van else [('glass', rear_glass)]),
    ('head', [(1.95, 0.58), (2.12, 0.58), (2.12, 0.74), (1.9, 0.74)]),
    ('tail', box(-2.12, -1.98, 0.6, 0.82)),
    ('exhaust', box(-2.2, -1.9, 0.2, 0.32)),
  ]


def _end_panels(is_front: bool, half: float, top: float) -> list[tuple[str, list[Pair]]]:
  """Names of surfaces and outlines of a vehicle seen from its front or rear."""
  lamp = 'head' if is_front else 'tail'
  return [
    ('wheel', box(-half + 0.1, half - 0.1, 0.1, 0.32)),
    ('wheel', box(-half, -(half - 0.22), 0.0, 0.4)),
    ('wheel', box(half - 0.22, half, 0.0, 0.4)),
    ('body', trapezoid(half, 0.85, 0.8 * half, top)),
    ('glass', trapezoid(0.86 * half, 0.92, 0.72 * half, top - 0.1)),
    ('body', box(-half, half, 0.28, 0.88)),
    ('engine', box(-0.75 * half, 0.75 * half, 0.35, 0.86))
    if is_front
    else ('exhaust', box(0.3 * half, 0.6 * half, 0.16, 0.28)),
    (lamp, box(-0.95 * half, -0.6 * half, 0.56, 0.74)),
    (lamp, box(0.6 * half, 0.95 * half, 0.56, 0.74)),
  ]


def _flank(painter: Painter, vehicle: Vehicle, half: float, top: float) -> None:
  """The long side of a vehicle seen from its end."""
  camera_x, _, camera_z = painter.camera.position
  if abs(camera_x - vehicle.x) <= half or vehicle.z - camera_z < 1.0:
    return
  normal = 1 if camera_x > vehicle.x else -1
  side, z = vehicle.x + normal * half, vehicle.z
  facing = painter.facing(normal, 0, 0)
  tire = 'warm_tire' if vehicle.running else 'tire'
  for material, color, start, end, low, high in (
    ('paint', vehicle.color, z, z + 4.2, 0.25, 0.88),
    ('paint', vehicle.color, z + 0.5, z + 3.6, 0.88, top),
    ('glazing', _GLASS, z + 0.8, z + 3.2, 0.95, top - 0.15),
    (tire, _RUBBER, z + 0.5, z + 0.5 + 0.65, 0.0, 0.6),
    (tire, _RUBBER, z + 3.0, z + 3.0 + 0.65, 0.0, 0.6),
  ):
    surface = painter.surface(material, color, side_x=side, facing=facing)
    painter.polygon(wall((side, start), (side, end), low, high), surface)
