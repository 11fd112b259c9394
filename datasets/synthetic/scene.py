"""Contents of a sequence: weather, camera, and the things in the street.

World coordinates are in meters: x to the right, y up from the ground, z away from the camera's
starting point. Colors are linear reflectances in [0, 1].
"""

import dataclasses
import functools
import math

import numpy as np

Color = tuple[float, float, float]
Pair = tuple[float, float]
Point = tuple[float, float, float]  # (x, y, z)

# Things nearer to the camera than this are cut off.
NEAR = 0.7

# The first number after the user's seed, so that streams of random numbers never coincide: what a
# place looks like, what moves between its frames (and noise), the sensor's faults, and what RGB
# does not show of the weather.
LAYOUT_STREAM, FRAME_STREAM, SENSOR_STREAM, HIDDEN_STREAM = 1, 2, 3, 4

_NIGHT_SHARE = 0.3
_GOLDEN_RATIO = (math.sqrt(5) - 1) / 2


@dataclasses.dataclass(frozen=True)
class Conditions:
  """Weather and time of one sequence."""

  is_night: bool  # the sun is down and the lamps are lit
  air_temperature: float  # kelvin
  cloud_cover: float  # 0 (clear) to 1 (overcast)
  sun_elevation: float  # degrees above the horizon; negative at night
  sun_azimuth: float  # degrees from straight ahead, positive to the right
  autumn: float  # 0 (summer, green leaves, warm) to 1 (autumn, brown leaves, cool)

  @functools.cached_property
  def sun_direction(self) -> Point:
    """Unit vector (x, y, z) toward the sun."""
    elevation, azimuth = math.radians(self.sun_elevation), math.radians(self.sun_azimuth)
    level = math.cos(elevation)
    return level * math.sin(azimuth), math.sin(elevation), level * math.cos(azimuth)

  @property
  def daylight(self) -> float:
    """Diffuse light of the sky, 0 at night to about 1."""
    return 0.0 if self.is_night else 0.35 + 0.65 * self.sun_direction[1]

  @property
  def sun_strength(self) -> float:
    """Direct sun behind clouds and air, 0 to 1 of a clear noon sun."""
    if self.is_night:
      return 0.0
    return (1.0 - self.cloud_cover) * 1.12 * math.exp(-0.12 / self.sun_direction[1])


@dataclasses.dataclass(frozen=True)
class Camera:
  """A level pinhole camera that carries both sensors."""

  focal: float  # focal length in image heights
  horizon: float  # row of the horizon as a fraction of the height
  center: float  # column of the vanishing point as a fraction of the width
  position: Point


@dataclasses.dataclass(frozen=True)
class Strip:
  """A piece of ground: a polygon of (x, z) corners."""

  corners: tuple[Pair, ...]
  material: str
  color: Color


@dataclasses.dataclass(frozen=True)
class Building:
  """A box with windows; `lit` is bool [2 (front, side), rows, columns]."""

  x: Pair
  z: Pair
  height: float
  roof_height: float  # 0 for a flat roof
  material: str
  color: Color
  roof_color: Color
  window_size: Pair  # fractions of a window's grid cell
  lit: np.ndarray
  chimney: bool


@dataclasses.dataclass(frozen=True)
class Tree:
  """A tree, conifer or bush."""

  x: float
  z: float
  height: float
  radius: float
  kind: str  # 'round', 'conifer' or 'bush'
  color: Color
  outline: np.ndarray  # [crown blobs, directions], relative radii


@dataclasses.dataclass(frozen=True)
class Vehicle:
  """A car or van; `view` is the side of it that the camera sees."""

  x: float
  z: float
  view: str  # 'front', 'rear', 'left' or 'right' (the way its nose points)
  is_van: bool
  color: Color
  running: bool  # engine, wheels and exhaust warm; lights on
  velocity: Pair  # (x, z), m/s


@dataclasses.dataclass(frozen=True)
class Person:
  """Somebody on foot."""

  x: float
  z: float
  height: float
  coat: Color
  trousers: Color
  skin: Color
  hair: Color
  velocity: Pair  # (x, z), m/s


@dataclasses.dataclass(frozen=True)
class Lamp:
  """A street lamp, lit at night."""

  x: float
  z: float
  height: float


Thing = Building | Tree | Vehicle | Person | Lamp


@dataclasses.dataclass(frozen=True)
class Scene:
  """One place at one moment.

  Tiles of noise are float32 [..., 256, 256] of zero mean and unit deviation.
  """

  conditions: Conditions
  camera: Camera  # of the first instant
  ground: tuple[Strip, ...]  # painted in this order
  objects: tuple[Thing, ...]  # all that stands on the ground, in any order
  noise: np.ndarray  # two tiles: for visible textures and for thermal ones
  clouds: np.ndarray  # a smoother tile
  exposure: float  # relative RGB exposure
  tint: np.ndarray  # linear RGB white-balance error, [3]

  def warmed(self, kelvin: float) -> 'Scene':
    """Returns the same place in air that is so much warmer, which only the thermal camera sees."""
    air = self.conditions.air_temperature + kelvin
    conditions = dataclasses.replace(self.conditions, air_temperature=air)
    return dataclasses.replace(self, conditions=conditions)

  def at_frame(self, rng: np.random.Generator) -> 'Scene':
    """Returns the same place a little later: the camera has moved and people have walked on."""
    time = rng.uniform(-2.0, 2.0)
    center = self.camera.center + rng.uniform(-0.07, 0.07)
    horizon = self.camera.horizon + rng.uniform(-0.02, 0.02)
    x, y, z = self.camera.position
    position = (x + rng.uniform(-0.6, 0.6), y, z + rng.uniform(-0.5, 0.5))
    camera = Camera(self.camera.focal, horizon, center, position)
    objects = tuple(_moved(thing, time, rng) for thing in self.objects)
    return dataclasses.replace(self, camera=camera, objects=objects)


def _moved(thing: Thing, time: float, rng: np.random.Generator) -> Thing:
  if not isinstance(thing, Vehicle | Person) or thing.velocity == (0.0, 0.0):
    return thing
  # Only in the directions it moves in at all: cars keep to their lanes.
  dx, dz = (speed * time + rng.normal(0.0, 0.3) if speed else 0.0 for speed in thing.velocity)
  return dataclasses.replace(thing, x=thing.x + dx, z=max(thing.z + dz, 3.0))


def random_conditions(rng: np.random.Generator, seed: int, sequence: int) -> Conditions:
  """Draws the weather; nights are spread evenly over the sequence numbers."""
  phase = np.random.default_rng([seed, LAYOUT_STREAM]).random()
  is_night = bool((phase + sequence * _GOLDEN_RATIO) % 1.0 < _NIGHT_SHARE)
  autumn = rng.beta(0.7, 0.9)
  # Mostly clear or overcast; broken cloud is the rarer case.
  cloud_cover = rng.beta(0.4, 0.75)
  elevation = -20.0 if is_night else rng.uniform(18.0, 58.0)
  air = 13.0 - 7.0 * autumn if is_night else 21.0 - 8.0 * autumn
  air = 273.15 + air + rng.normal(0, 1.0)
  return Conditions(is_night, air, cloud_cover, elevation, rng.uniform(-180, 180), autumn)
