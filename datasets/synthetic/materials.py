"""Materials of surfaces: class labels, emissivities and temperatures.

Emissivities are typical values for 8 to 14 micrometers as thermography tables give them (most
building materials, vegetation, skin and cloth lie between 0.9 and 0.98, glass and painted metal a
little lower). Temperature offsets are plausible magnitudes for a mild climate, not measurements.
"""

import dataclasses

from datasets.synthetic import physics
from datasets.synthetic.scene import Conditions

# The order gives the class index stored in the feature `labels`.
CLASS_NAMES = (
  'sky',
  'road',
  'pavement',
  'grass',
  'wall',
  'roof',
  'window',
  'vegetation',
  'vehicle',
  'person',
  'pole',
)
SKY = CLASS_NAMES.index('sky')

# Clear nights cool surfaces that see the sky; clouds take this share away.
_CLOUD_BLANKET = 0.7
_DIFFUSE_HEATING = 0.25


@dataclasses.dataclass(frozen=True)
class Material:
  """Thermal properties of one kind of surface.

  Attributes:
    label: index into `CLASS_NAMES`.
    emissivity: mean over the band, 0 to 1.
    solar_gain: kelvin above air of a black surface facing a clear noon sun.
    night_offset: kelvin above (or below) air on a clear night.
    sky_view: share of the reflected hemisphere that is sky, 0 to 1.
    texture: relative standard deviation of the visible texture.
    thermal_texture: standard deviation of the temperature, kelvin.
    source: kelvin, a heat source behind the surface (body, engine, room).
    coupling: 0 to 1, how far the source pulls the surface away from air.
  """

  label: int
  emissivity: float
  solar_gain: float
  night_offset: float
  sky_view: float
  texture: float
  thermal_texture: float
  source: float = physics.ZERO_CELSIUS
  coupling: float = 0.0


def _material(
  class_name: str, *values: float, source_celsius: float = 0.0, coupling: float = 0.0
) -> Material:
  source = physics.ZERO_CELSIUS + source_celsius
  return Material(CLASS_NAMES.index(class_name), *values, source=source, coupling=coupling)


# class, emissivity, solar gain, night offset, sky view, texture, thermal texture
MATERIALS = {
  'sky': _material('sky', 1.0, 0, 0, 0, 0, 0),
  'asphalt': _material('road', 0.95, 32, 5.0, 0.6, 0.16, 0.5),
  'marking': _material('road', 0.93, 24, 4.5, 0.6, 0.10, 0.3),
  'pavement': _material('pavement', 0.93, 24, 3.5, 0.6, 0.10, 0.5),
  'grass': _material('grass', 0.97, 9, -4.0, 0.6, 0.30, 0.9),
  'brick': _material('wall', 0.93, 26, 5.0, 0.4, 0.10, 0.4),
  'plaster': _material('wall', 0.92, 21, 3.5, 0.4, 0.05, 0.4),
  'wood': _material('wall', 0.90, 23, 1.0, 0.4, 0.09, 0.4),
  'tile': _material('roof', 0.92, 34, -5.5, 0.9, 0.14, 0.6),
  'chimney': _material('roof', 0.93, 20, 4.0, 0.5, 0.05, 0.4, source_celsius=45, coupling=0.5),
  'window': _material('window', 0.84, 5, 1.0, 0.5, 0.03, 0.2, source_celsius=21, coupling=0.2),
  'window_lit': _material('window', 0.84, 5, 1.0, 0.3, 0.03, 0.2, source_celsius=24, coupling=0.6),
  'door': _material('wall', 0.92, 18, 2.0, 0.4, 0.05, 0.3, source_celsius=21, coupling=0.15),
  'leaves': _material('vegetation', 0.97, 6, -1.0, 0.3, 0.38, 0.8),
  'trunk': _material('vegetation', 0.95, 10, 0.5, 0.3, 0.18, 0.4),
  'paint': _material('vehicle', 0.88, 22, -3.0, 0.5, 0.02, 0.3),
  'glazing': _material('vehicle', 0.84, 10, -2.5, 0.6, 0.02, 0.2),
  'tire': _material('vehicle', 0.94, 14, 0.0, 0.3, 0.05, 0.3),
  'lens': _material('vehicle', 0.86, 12, 0.0, 0.4, 0.0, 0.2),
  'warm_lens': _material('vehicle', 0.86, 12, 0.0, 0.4, 0.0, 0.2, source_celsius=45, coupling=0.8),
  'warm_tire': _material('vehicle', 0.94, 8, 0.0, 0.3, 0.05, 0.3, source_celsius=42, coupling=0.7),
  'engine': _material('vehicle', 0.90, 6, 0.0, 0.4, 0.02, 1.0, source_celsius=55, coupling=0.75),
  'exhaust': _material('vehicle', 0.92, 0, 0.0, 0.2, 0.0, 1.0, source_celsius=90, coupling=0.9),
  'skin': _material('person', 0.98, 1, 0.0, 0.3, 0.02, 0.3, source_celsius=34.5, coupling=0.93),
  'hair': _material('person', 0.96, 3, 0.0, 0.3, 0.08, 0.3, source_celsius=33, coupling=0.6),
  'cloth': _material('person', 0.95, 3, 0.0, 0.3, 0.05, 0.5, source_celsius=34, coupling=0.62),
  'metal': _material('pole', 0.80, 14, -2.0, 0.5, 0.02, 0.2),
  'lamp': _material('pole', 0.90, 0, 0.0, 0.3, 0.0, 0.2, source_celsius=48, coupling=0.9),
}


def surface_temperature(
  material: Material, conditions: Conditions, facing: float, albedo: float
) -> tuple[float, float]:
  """Computes the temperature of a surface in steady state with the weather.

  Args:
    material: what it is made of.
    conditions: the weather.
    facing: cosine between the surface normal and the sun, 0 to 1.
    albedo: mean visible reflectance, 0 to 1; pale surfaces heat up less.

  Returns:
    (shade, heating): the temperature out of the sun in kelvin, and the kelvin that direct sun adds
    on top of it.
  """
  absorbed = material.solar_gain * (1.0 - 0.55 * albedo)
  if conditions.is_night:
    weather = material.night_offset * (1.0 - _CLOUD_BLANKET * conditions.cloud_cover)
  else:
    weather = _DIFFUSE_HEATING * absorbed * conditions.daylight
  shade = conditions.air_temperature + weather
  shade += material.coupling * (material.source - shade)
  # A heat source behind the surface fixes its temperature, sun or not.
  heating = absorbed * conditions.sun_strength * facing * (1.0 - material.coupling)
  return shade, heating
