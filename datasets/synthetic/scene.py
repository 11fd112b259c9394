"""What a sequence consists of: weather, camera and the things in the street.

World coordinates in meters: x to the right, y up from the ground, z away from
the camera's starting point. Colors are linear reflectances in [0, 1].
"""

import dataclasses
import math

import numpy as np

# Things nearer than this to the camera are cut off.
NEAR = 0.7

# First number after the user's seed, so that streams never coincide.
_LAYOUT_STREAM, _FRAME_STREAM, SENSOR_STREAM = 1, 2, 3

_NIGHT_SHARE = 0.3
_GOLDEN_RATIO = (math.sqrt(5) - 1) / 2


def layout_generator(seed, sequence):
  """The random numbers that decide what a place looks like."""
  return np.random.default_rng([seed, _LAYOUT_STREAM, sequence])


def frame_generator(seed, sequence, frame):
  """The random numbers that decide what moves between frames, and the noise."""
  return np.random.default_rng([seed, _FRAME_STREAM, sequence, frame])


@dataclasses.dataclass(frozen=True)
class Conditions:
  """Weather and time of one sequence.

  Attributes:
    is_night: whether the sun is down and the lamps are lit.
    air_temperature: kelvin.
    cloud_cover: 0 (clear) to 1 (overcast).
    sun_elevation: degrees above the horizon; negative at night.
    sun_azimuth: degrees from straight ahead, positive to the right.
    autumn: 0 (summer, green leaves, warm) to 1 (autumn, brown leaves, cool).
  """

  is_night: bool
  air_temperature: float
  cloud_cover: float
  sun_elevation: float
  sun_azimuth: float
  autumn: float

  @property
  def sun_direction(self):
    """Unit vector (x, y, z) toward the sun."""
    elevation = math.radians(self.sun_elevation)
    azimuth = math.radians(self.sun_azimuth)
    return (
      math.cos(elevation) * math.sin(azimuth),
      math.sin(elevation),
      math.cos(elevation) * math.cos(azimuth),
    )

  @property
  def daylight(self):
    """Diffuse light of the sky, 0 at night to about 1."""
    if self.is_night:
      return 0.0
    return 0.35 + 0.65 * math.sin(math.radians(self.sun_elevation))

  @property
  def sun_strength(self):
    """Direct sun behind clouds and air, 0 to 1 of a clear noon sun."""
    if self.is_night:
      return 0.0
    height = math.sin(math.radians(self.sun_elevation))
    return (1.0 - self.cloud_cover) * 1.12 * math.exp(-0.12 / height)


@dataclasses.dataclass(frozen=True)
class Camera:
  """A level pin-hole camera that carries both sensors.

  Attributes:
    focal: focal length in image heights.
    horizon: row of the horizon as a fraction of the height.
    center: column of the vanishing point as a fraction of the width.
    position: (x, y, z) of the camera in meters.
  """

  focal: float
  horizon: float
  center: float
  position: tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class Strip:
  """A piece of ground: a polygon of (x, z) corners."""

  corners: tuple
  material: str
  color: tuple


@dataclasses.dataclass(frozen=True)
class Building:
  """A box with windows; `lit` has shape [2 (front, side), rows, columns]."""

  x: tuple[float, float]
  z: tuple[float, float]
  height: float
  roof_height: float  # 0 for a flat roof
  material: str
  color: tuple
  roof_color: tuple
  window_size: tuple[float, float]  # fractions of a window's grid cell
  lit: np.ndarray
  chimney: bool

  @property
  def order(self):
    return self.z[1]


@dataclasses.dataclass(frozen=True)
class Tree:
  """A tree, conifer or bush; `outline` holds radii around each crown blob."""

  x: float
  z: float
  height: float
  radius: float
  kind: str  # 'round', 'conifer' or 'bush'
  color: tuple
  outline: np.ndarray  # [blobs, directions], relative radii

  @property
  def order(self):
    return self.z


@dataclasses.dataclass(frozen=True)
class Vehicle:
  """A car or van; `view` is the side of it that the camera sees."""

  x: float
  z: float
  view: str  # 'front', 'rear', 'left' or 'right' (the way its nose points)
  is_van: bool
  color: tuple
  running: bool  # engine, wheels and exhaust warm; lights on
  velocity: tuple[float, float]  # (x, z), m/s

  @property
  def order(self):
    return self.z


@dataclasses.dataclass(frozen=True)
class Person:
  """Somebody on foot."""

  x: float
  z: float
  height: float
  coat: tuple
  trousers: tuple
  skin: tuple
  hair: tuple
  velocity: tuple[float, float]  # (x, z), m/s

  @property
  def order(self):
    return self.z


@dataclasses.dataclass(frozen=True)
class Lamp:
  """A street lamp, lit at night."""

  x: float
  z: float
  height: float

  @property
  def order(self):
    return self.z


@dataclasses.dataclass(frozen=True)
class Scene:
  """One place at one moment.

  Attributes:
    conditions: weather and time.
    camera: the camera of the first instant.
    ground: strips, painted in this order.
    objects: everything that stands on the ground, in any order.
    noise: float32 [2, 256, 256], tiles of zero mean and unit deviation: one for
      visible textures, one for thermal ones.
    clouds: float32 [256, 256], a smoother tile of the same kind.
    exposure: relative RGB exposure.
    tint: linear RGB white-balance error, [3].
  """

  conditions: Conditions
  camera: Camera
  ground: tuple
  objects: tuple
  noise: np.ndarray
  clouds: np.ndarray
  exposure: float
  tint: np.ndarray

  def at_frame(self, rng):
    """The same place a little later, the camera moved and people walked on."""
    time = rng.uniform(-2.0, 2.0)
    x, y, z = self.camera.position
    camera = dataclasses.replace(
      self.camera,
      center=self.camera.center + rng.uniform(-0.07, 0.07),
      horizon=self.camera.horizon + rng.uniform(-0.02, 0.02),
      position=(x + rng.uniform(-0.6, 0.6), y, z + rng.uniform(-0.5, 0.5)),
    )
    objects = tuple(_moved(thing, time, rng) for thing in self.objects)
    return dataclasses.replace(self, camera=camera, objects=objects)


def _moved(thing, time, rng):
  if not isinstance(thing, (Vehicle, Person)) or thing.velocity == (0.0, 0.0):
    return thing
  # Only along the ways it moves in at all: cars keep to their lanes.
  dx, dz = (speed * time + rng.normal(0.0, 0.3) if speed else 0.0 for speed in thing.velocity)
  return dataclasses.replace(thing, x=thing.x + dx, z=max(thing.z + dz, 3.0))


def random_conditions(rng, seed, sequence):
  """Draws the weather; nights are spread evenly over the sequence numbers."""
  phase = np.random.default_rng([seed, _LAYOUT_STREAM]).random()
  is_night = (phase + sequence * _GOLDEN_RATIO) % 1.0 < _NIGHT_SHARE
  autumn = float(rng.beta(0.7, 0.9))
  # Mostly clear or overcast; broken cloud is the rarer case.
  cloud_cover = float(rng.beta(0.4, 0.75))
  if is_night:
    air = 13.0 - 7.0 * autumn
    elevation = -20.0
  else:
    air = 21.0 - 8.0 * autumn
    elevation = float(rng.uniform(18.0, 58.0))
  return Conditions(
    is_night=bool(is_night),
    air_temperature=273.15 + air + float(rng.normal(0, 1.0)),
    cloud_cover=cloud_cover,
    sun_elevation=elevation,
    sun_azimuth=float(rng.uniform(-180, 180)),
    autumn=autumn,
  )
