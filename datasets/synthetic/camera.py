"""Simulates an RGB and a thermal camera that record painted surfaces."""

import functools

import numpy as np
from scipy import ndimage

from datasets.synthetic import painter as columns, physics
from datasets.synthetic.painter import Painter
from datasets.synthetic.scene import Conditions, Scene, SENSOR_STREAM

# One gain and offset for every image: pixel value 0 is the radiance of a black body at the first
# temperature, 255 at the second; outside it clips.
IR_SPAN = (physics.ZERO_CELSIUS - 20.0, physics.ZERO_CELSIUS + 50.0)  # K

_SHADOW_COOLING = 0.7
_IR_BLUR = 0.006  # standard deviation in image heights
_IR_NOISE = 0.12  # K near 300 K, standard deviation
_IR_PATTERN = 0.15  # K near 300 K, standard deviation of columns
_IR_VIGNETTE = 0.025
_GAMMA = (255 * np.linspace(0, 1, 2**16) ** (1 / 2.2) + 0.5).astype(np.uint8)
_NIGHT_AMBIENT = np.array((0.030, 0.036, 0.050), np.float32)


class Frame:
  """Per-pixel quantities of one frame that both cameras share.

  Attributes:
    visible, surfaces, still_shadow, moving_shadow: see `Painter.finish`.
    depth: of each pixel's surface, in meters along the axis of the camera, float32 [height, width].
    x, y, z: its world coordinates, likewise.
    visible_texture, thermal_texture: noise of unit deviation on the surfaces, float32
      [height, width].
    cloud: how much of each pixel's line of sight clouds cover, 0 to 1.
    upward: sine of the elevation of each row's line of sight, [height, 1].
    lights: see `Painter`.
  """

  def __init__(self, scene: Scene, painter: Painter, height: int, width: int):
    self.lights = painter.lights
    self.visible, self.surfaces, self.still_shadow, self.moving_shadow = painter.finish()
    camera = scene.camera
    row = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height
    column = (np.arange(width, dtype=np.float32)[None] + 0.5) / height
    a, b, c = np.moveaxis(self.surfaces[..., columns.INVERSE_DEPTH], -1, 0)
    self.depth = depth = 1.0 / np.maximum(a * column + b * row + c, 1e-3)
    right = (column - camera.center * width / height) / camera.focal
    up = (camera.horizon - row) / camera.focal
    self.x = camera.position[0] + right * depth
    self.y = camera.position[1] + up * depth
    self.z = camera.position[2] + depth
    self.upward = np.clip(up / np.sqrt(1 + up**2), 0.0, 1.0)
    distance = 1.0 / (np.maximum(up, 0.0) + 0.12)
    cloud = _sample(scene.clouds, 30 * distance, 30 * right * distance)
    # From -3 to 3: cover 0 leaves no cloud and cover 1 no gap.
    cloud = 0.5 + 0.6 * (cloud + 8.0 * (scene.conditions.cloud_cover - 0.5))
    self.cloud = np.clip(cloud, 0.0, 1.0)
    across, along = self.x + 0.37 * self.z, self.y + self.z
    coarse, grain = (_sample(scene.noise, scale * along, scale * across) for scale in (4, 25))
    # Fine grain fades with distance, as it does in a real lens.
    textures = 0.7 * coarse + 0.7 * np.clip(7.0 / depth, 0.0, 1.0) * grain
    self.visible_texture, self.thermal_texture = textures


def _sample(tiles: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
  """Values of tiles [..., size, size] that repeat; the size is a power of two."""
  *leading, size, _ = tiles.shape
  row, column = (np.floor(index).astype(np.int32) & (size - 1) for index in (row, column))
  return tiles.reshape(*leading, -1).take(row * size + column, axis=-1)


def render_rgb(frame: Frame, scene: Scene, rng: np.random.Generator) -> np.ndarray:
  """Returns what the color camera records: uint8 [height, width, 3], sRGB-like gamma."""
  conditions, visible = scene.conditions, frame.visible
  grain = 1.0 + visible[..., columns.TEXTURE] * frame.visible_texture
  albedo = visible[..., columns.ALBEDO] * np.clip(grain, 0.25, 2.0)[..., None]
  light, sky, noise = _night(frame) if conditions.is_night else _day(frame, conditions)
  is_sky = visible[..., columns.IS_SKY, None]
  linear = albedo * light + visible[..., columns.EMISSION] + is_sky * sky
  linear *= (scene.exposure * scene.tint).astype(np.float32)
  noise = noise * rng.standard_normal(linear.shape, np.float32)
  linear += noise * np.sqrt(np.clip(linear, 0.0, 1.0) + 0.02)
  # A soft shoulder keeps lamps and white walls from clipping hard.
  linear = np.maximum(linear, 0.0)
  bright = linear / (1.0 + 0.25 * linear)
  return _GAMMA[(65535 * np.minimum(bright, 1.0)).astype(np.uint16)]


def _day(frame: Frame, conditions: Conditions) -> tuple[np.ndarray, np.ndarray, float]:
  """Light on the surfaces and of the sky, linear RGB [height, width, 3], and noise."""
  warmth = np.clip((conditions.sun_elevation - 10.0) / 40.0, 0.0, 1.0)
  sun = np.array((1.0, 0.80 + 0.15 * warmth, 0.58 + 0.30 * warmth), np.float32)
  overcast = conditions.cloud_cover
  above = np.array((0.75 + 0.25 * overcast, 0.88 + 0.12 * overcast, 1.0), np.float32)
  shadow = np.maximum(frame.still_shadow, frame.moving_shadow)
  shadow = shadow * frame.visible[..., columns.IS_GROUND]
  direct = 1.5 * conditions.sun_strength * frame.visible[..., columns.FACING]
  diffuse = (0.34 + 0.50 * overcast) * (0.6 + 0.4 * conditions.daylight)
  light = (direct * (1.0 - 0.92 * shadow))[..., None] * sun + diffuse * above
  height = np.sqrt(frame.upward)[..., None]
  zenith = np.array((0.03, 0.09, 0.27), np.float32)
  horizon = np.array((0.16, 0.24, 0.37), np.float32)
  clear = (horizon + (zenith - horizon) * height) * (0.6 + 0.5 * conditions.daylight)
  # Broken clouds are bright, a closed cover is gray.
  cloud = (0.62 - 0.40 * overcast) * np.array((0.97, 0.98, 1.0), np.float32)
  return light, clear + frame.cloud[..., None] * (cloud - clear), 0.004


def _night(frame: Frame) -> tuple[np.ndarray, np.ndarray, float]:
  """As `_day`; towns light the haze above the horizon, and clouds more than clear air."""
  glow = (0.4 + 1.6 * frame.cloud) * (1.0 - 0.6 * np.sqrt(frame.upward))
  sky = _NIGHT_AMBIENT * 0.35 + glow[..., None] * np.array((0.06, 0.05, 0.045), np.float32)
  light = np.zeros((*frame.x.shape, 3), np.float32) + 1.2 * _NIGHT_AMBIENT
  for x, y, z, strength, color in frame.lights:
    squared = (frame.x - x) ** 2 + (frame.y - y) ** 2 + (frame.z - z) ** 2
    light += (9.0 * strength / (4.0 + squared))[..., None] * np.array(color, np.float32)
  return light, sky, 0.011


def surface_temperatures(frame: Frame, scene: Scene) -> np.ndarray:
  """Returns the kinetic temperature of every pixel's surface, float32 [height, width], kelvin.

  The sky gets its brightness temperature: cold and clear overhead, nearly as warm as the air at the
  horizon and where clouds are.
  """
  surfaces, air = frame.surfaces, scene.conditions.air_temperature
  # Ground in a passing car's shadow has had no time to cool.
  shadow = frame.still_shadow * surfaces[..., columns.IS_GROUND]
  solid = (
    surfaces[..., columns.SHADE_TEMPERATURE]
    + surfaces[..., columns.HEATING] * (1.0 - _SHADOW_COOLING * shadow)
    + surfaces[..., columns.THERMAL_TEXTURE] * frame.thermal_texture
  )
  clear = _sky_temperature(air, frame.upward)
  sky = clear + frame.cloud * (air - 12.0 - clear)
  return np.where(surfaces[..., columns.IS_SKY] > 0, sky, solid).astype(np.float32)


def _sky_temperature(air: float, upward: np.ndarray) -> np.ndarray:
  return air - 58.0 + 50.0 * np.exp(-upward / 0.05)


@functools.lru_cache(maxsize=8)
def _sensor_pattern(seed: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
  """Fixed faults of the thermal sensor: relative gain, and offset in kelvin."""
  rng = np.random.default_rng([seed, SENSOR_STREAM])
  offset = rng.normal(0.0, _IR_PATTERN, width)[None]
  row, column = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
  return 1.0 - _IR_VIGNETTE * (row**2 + column**2) / 2, offset


def render_ir(
  frame: Frame, scene: Scene, temperature: np.ndarray, rng: np.random.Generator, seed: int
) -> np.ndarray:
  """Returns what the thermal camera records: uint8 [height, width, 1], linear in radiance.

  `IR_SPAN` is 0 to 255 in every image. `temperature` is what `surface_temperatures` returned. The
  sensor's fixed faults depend on the data set's `seed` alone, the noise on `rng`.
  """
  air, cover = scene.conditions.air_temperature, scene.conditions.cloud_cover
  overhead = (1.0 - cover) * _sky_temperature(air, np.array(0.5)) + cover * (air - 12.0)
  sky, around, low, high, step = physics.temperature_to_radiance(
    np.array((overhead, air, *IR_SPAN, 301.0))
  )
  view = frame.surfaces[..., columns.SKY_VIEW]
  emissivity = frame.surfaces[..., columns.EMISSIVITY]
  reflected = view * sky + (1.0 - view) * around
  emitted = physics.temperature_to_radiance(temperature)
  radiance = emissivity * emitted + (1.0 - emissivity) * reflected
  deviation = _IR_BLUR * len(radiance)
  radiance = ndimage.gaussian_filter(
    radiance, deviation, mode='nearest', radius=int(np.ceil(3 * deviation))
  )
  gain, offset = _sensor_pattern(seed, *radiance.shape)
  per_kelvin = step - physics.temperature_to_radiance(np.array(300.0))
  noise = _IR_NOISE * rng.standard_normal(radiance.shape, np.float32)
  # The vignette mixes in radiance of the lens barrel, which is as warm as air.
  radiance = around + gain * (radiance - around) + per_kelvin * (noise + offset)
  value = 255 * (radiance - low) / (high - low)
  return np.clip(value + 0.5, 0, 255).astype(np.uint8)[..., None]
