"""Paints a scene far to near onto a map of surface numbers.

Every polygon belongs to a surface, a row of properties (color, temperature, ...). Pillow draws the
rows' numbers; one numpy indexing operation then looks the properties up, however many the polygons.
"""

from collections.abc import Sequence
import math

import numpy as np
from PIL import Image, ImageDraw

from datasets.synthetic import materials
from datasets.synthetic.scene import Color, NEAR, Pair, Point, Scene

# Visible edges are anti-aliased by painting at twice the resolution.
SUPERSAMPLING = 2

# Columns of the table of surfaces.
ALBEDO = slice(0, 3)
EMISSION = slice(3, 6)
FACING, TEXTURE, IS_SKY, IS_GROUND = 6, 7, 8, 9
VISIBLE = slice(0, 10)  # what the anti-aliased buffers hold
SHADE_TEMPERATURE, HEATING, EMISSIVITY, SKY_VIEW, THERMAL_TEXTURE = 10, 11, 12, 13, 14
INVERSE_DEPTH = slice(15, 18)  # 1 / z = a * column + b * row + c, unit: image heights
LABEL = 18


class Painter:
  """Collects the surfaces and shadows of one frame.

  Attributes:
    camera: the frame's `scene.Camera`.
    conditions: the sequence's `scene.Conditions`.
    lights: (x, y, z, strength, linear RGB) of the lamps that are lit.
  """

  def __init__(self, scene: Scene, height: int, width: int):
    self.camera = scene.camera
    self.conditions = scene.conditions
    self.lights: list[tuple[float, float, float, float, Color]] = []
    self._height, self._width = height, width
    self._map = Image.new('I', (width * SUPERSAMPLING, height * SUPERSAMPLING), 0)
    self._draw = ImageDraw.Draw(self._map)
    self._shadows = {still: Image.new('L', (width, height), 0) for still in (True, False)}
    self._rows: list[tuple[float, ...]] = []
    self.surface('sky', (0, 0, 0))

  def surface(
    self,
    material_name: str,
    albedo: Color,
    *,
    emission: Color = (0, 0, 0),
    facing: float = 0.0,
    z: float | None = None,
    side_x: float | None = None,
    ground: bool = False,
  ) -> int:
    """Adds a surface and returns its number; without `z`, `side_x` and `ground` it is far away.

    Args:
      material_name: a key of `materials.MATERIALS`.
      albedo: linear RGB reflectance.
      emission: linear RGB light of its own.
      facing: cosine between its normal and the sun, 0 to 1.
      z: depth in meters, for surfaces that face the camera.
      side_x: x in meters, for walls that run along z; it takes precedence over `z`.
      ground: whether it lies on the ground, where shadows fall.
    """
    material = materials.MATERIALS[material_name]
    visible = (*albedo, *emission, facing, material.texture, material.class_name == 'sky', ground)
    temperatures = materials.surface_temperature(material, self.conditions, facing, sum(albedo) / 3)
    thermal = (*temperatures, material.emissivity, material.sky_view, material.thermal_texture)
    self._rows.append((*visible, *thermal, *self._inverse_depth(z, side_x, ground), material.label))
    return len(self._rows) - 1

  def _inverse_depth(self, z: float | None, side_x: float | None, ground: bool) -> Point:
    camera = self.camera
    camera_x, camera_y, camera_z = camera.position
    if ground:
      slope = 1.0 / (camera.focal * camera_y)
      return 0.0, slope, -slope * camera.horizon
    if side_x is not None:
      slope = 1.0 / (camera.focal * (side_x - camera_x))
      return slope, 0.0, -slope * camera.center * self._width / self._height
    return 0.0, 0.0, 1e-3 if z is None else 1.0 / max(z - camera_z, NEAR)

  def _project(self, points: Sequence[Point], scale: int) -> list[Pair]:
    """Pixel coordinates of points after cutting at the near plane."""
    camera = self.camera
    cx, cy, cz = camera.position
    if min([point[2] for point in points]) - cz < NEAR:
      points = _cut(points, cz + NEAR)
    focal = camera.focal * self._height * scale
    u0, v0 = camera.center * self._width * scale, camera.horizon * self._height * scale
    return [
      (u0 + focal * (x - cx) / (z - cz), v0 + focal * (cy - y) / (z - cz)) for x, y, z in points
    ]

  def polygon(self, points: Sequence[Point], surface: int) -> None:
    """Paints a polygon of at least three (x, y, z) points."""
    corners = self._project(points, SUPERSAMPLING)
    if len(corners) > 2:
      self._draw.polygon(corners, fill=surface)

  def billboard(self, x: float, z: float, outline: Sequence[Pair], surface: int) -> None:
    """Paints a polygon of (x offset, y) points that faces the camera."""
    self.polygon([(x + dx, y, z) for dx, y in outline], surface)

  def disc(self, center: Point, radius: float, surface: int, squash: float = 1.0) -> None:
    """Paints an ellipse that faces the camera; `squash` is width over height."""
    (x, y, z), wide = center, radius * squash
    if z - self.camera.position[2] >= NEAR:
      corners = [(x - wide, y + radius, z), (x + wide, y - radius, z)]
      self._draw.ellipse(self._project(corners, SUPERSAMPLING), fill=surface)

  def shadow(self, footprint: list[Pair], height: float, *, base: float = 0.0, still: bool) -> None:
    """Lays the shadow of an upright prism on the ground.

    The prism rises from `base` to `height` meters over the (x, z) corners of a convex polygon. If
    it is `still`, it stays long enough for the ground to cool.
    """
    if self.conditions.sun_strength < 0.02:
      return
    x, y, z = self.conditions.sun_direction
    # The shadow of a convex prism is the hull of its two ends' shadows.
    outline = _convex_hull(
      [(px - x / y * level, pz - z / y * level) for px, pz in footprint for level in (base, height)]
    )
    corners = self._project([(px, 0.0, pz) for px, pz in outline], 1)
    if len(corners) > 2:
      ImageDraw.Draw(self._shadows[still]).polygon(corners, fill=255)

  def facing(self, x: float, y: float, z: float) -> float:
    """Returns the cosine between the unit normal (x, y, z) and the sun, not below 0."""
    sun = self.conditions.sun_direction
    return max(0.0, x * sun[0] + y * sun[1] + z * sun[2])

  def finish(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns (visible, surfaces, still_shadow, moving_shadow), float32.

    The first is anti-aliased, [height, width, 10], the columns of `VISIBLE`. The second has all
    columns of the surface at the middle of each pixel. Shadows are [height, width] in [0, 1].
    """
    table = np.array(self._rows, np.float32)
    numbers = np.asarray(self._map)
    visible = np.ascontiguousarray(table[:, VISIBLE])
    step = SUPERSAMPLING
    parts = [visible[numbers[i::step, j::step]] for i, j in np.ndindex(step, step)]
    still, moving = (np.asarray(self._shadows[still], np.float32) / 255 for still in (True, False))
    return np.mean(parts, axis=0), table[numbers[::step, ::step]], still, moving


def _cut(points: Sequence[Point], near: float) -> list[Point]:
  """Keeps the part of a polygon beyond depth `near` (Sutherland-Hodgman)."""
  kept = []
  for (x0, y0, z0), (x1, y1, z1) in zip((points[-1], *points), points):
    if (z0 >= near) != (z1 >= near):
      part = (near - z0) / (z1 - z0)
      kept.append((x0 + part * (x1 - x0), y0 + part * (y1 - y0), near))
    if z1 >= near:
      kept.append((x1, y1, z1))
  return kept


def _convex_hull(points: list[Pair]) -> list[Pair]:
  """Corners of the convex hull, in order (Andrew's monotone chain)."""
  points = sorted(points)
  hull = []
  for ordered in (points, points[::-1]):
    chain = []
    for px, pz in ordered:
      while len(chain) > 1:
        (ax, az), (bx, bz) = chain[-2:]
        if (bx - ax) * (pz - az) > (bz - az) * (px - ax):
          break
        chain.pop()
      chain.append((px, pz))
    hull += chain[:-1]
  return hull


def box(x0: float, x1: float, y0: float, y1: float) -> list[Pair]:
  """Corners of a rectangle."""
  return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def trapezoid(bottom: float, y0: float, top: float, y1: float) -> list[Pair]:
  """Corners of a symmetrical panel; `bottom` and `top` are half its widths."""
  return [(-bottom, y0), (bottom, y0), (top, y1), (-top, y1)]


def wall(a: Pair, b: Pair, low: float, high: float) -> list[Point]:
  """Corners of an upright rectangle between the ground points a and b, each (x, z)."""
  return [(a[0], low, a[1]), (b[0], low, b[1]), (b[0], high, b[1]), (a[0], high, a[1])]


def circle(x: float, z: float, radius: float, count: int) -> list[Pair]:
  """Corners of a regular polygon on the ground, as (x, z)."""
  angles = [2 * math.pi * i / count for i in range(count)]
  return [(x + radius * math.cos(a), z + radius * math.sin(a)) for a in angles]
