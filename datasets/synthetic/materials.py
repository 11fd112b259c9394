"""Materials of surfaces: class labels, emissivities and temperatures.

Emissivities are typical values for 8 to 14 micrometers as thermography tables give them (most
building materials, vegetation, skin and cloth lie between 0.9 and 0.98, glass and painted metal a
little lower). Temperature offsets are plausible magnitudes for a mild climate, not measurements.
"""

import dataclasses

from datasets.synthetic import physics
from datasets.synthetic.scene import Conditions

# Clear nights cool surfaces that see the sky; clouds take this share away.
_CLOUD_BLANKET = 0.7
_DIFFUSE_HEATING = 0.25


@dataclasses.dataclass(frozen=True)
class Material:
  """Thermal properties of one kind of surface."""

  class_name: str  # one of CLASS_NAMES
  emissivity: float  # mean over the band, 0 to 1
  solar_gain: float  # kelvin above air of a black surface facing a clear noon sun
  night_offset: float  # kelvin above (or below) air on a clear night
  sky_view: float  # share of the reflected hemisphere that is sky, 0 to 1
  texture: float  # relative standard deviation of the visible texture
  thermal_texture: float  # standard deviation of the temperature, kelvin
  source_celsius: float = 0.0  # a heat source behind the surface: body, engine, room
  coupling: float = 0.0  # 0 to 1, how far the source pulls the surface away from air

  @property
  def label(self) -> int:
    """The index into `CLASS_NAMES`."""
    return CLASS_NAMES.index(self.class_name)


MATERIALS = {
  'sky': Material('sky', 1.0, 0, 0, 0, 0, 0),
  'asphalt': Material('road', 0.95, 32, 5.0, 0.6, 0.16, 0.5),
  'marking': Material('road', 0.93, 24, 4.5, 0.6, 0.10, 0.3),
  'pavement': Material('pavement', 0.93, 24, 3.5, 0.6, 0.10, 0.5),
  'grass': Material('grass', 0.97, 9, -4.0, 0.6, 0.30, 0.9),
  'brick': Material('wall', 0.93, 26, 5.0, 0.4, 0.10, 0.4),
  'plaster': Material('wall', 0.92, 21, 3.5, 0.4, 0.05, 0.4),
  'wood': Material('wall', 0.90, 23, 1.0, 0.4, 0.09, 0.4),
  'tile': Material('roof', 0.92, 34, -5.5, 0.9, 0.14, 0.6),
  'chimney': Material('roof', 0.93, 20, 4.0, 0.5, 0.05, 0.4, source_celsius=45, coupling=0.5),
  'window': Material('window', 0.84, 5, 1.0, 0.5, 0.03, 0.2, source_celsius=21, coupling=0.2),
  'window_lit': Material('window', 0.84, 5, 1.0, 0.3, 0.03, 0.2, source_celsius=24, coupling=0.6),
  'door': Material('wall', 0.92, 18, 2.0, 0.4, 0.05, 0.3, source_celsius=21, coupling=0.15),
  'leaves': Material('vegetation', 0.97, 6, -1.0, 0.3, 0.38, 0.8),
  'trunk': Material('vegetation', 0.95, 10, 0.5, 0.3, 0.18, 0.4),
  'paint': Material('vehicle', 0.88, 22, -3.0, 0.5, 0.02, 0.3),
  'glazing': Material('vehicle', 0.84, 10, -2.5, 0.6, 0.02, 0.2),
  'tire': Material('vehicle', 0.94, 14, 0.0, 0.3, 0.05, 0.3),
  'lens': Material('vehicle', 0.86, 12, 0.0, 0.4, 0.0, 0.2),
  'warm_lens': Material('vehicle', 0.86, 12, 0.0, 0.4, 0.0, 0.2, source_celsius=45, coupling=0.8),
  'warm_tire': Material('vehicle', 0.94, 8, 0.0, 0.3, 0.05, 0.3, source_celsius=42, coupling=0.7),
  'engine': Material('vehicle', 0.90, 6, 0.0, 0.4, 0.02, 1.0, source_celsius=55, coupling=0.75),
  'exhaust': Material('vehicle', 0.92, 0, 0.0, 0.2, 0.0, 1.0, source_celsius=90, coupling=0.9),
  'skin': Material('person', 0.98, 1, 0.0, 0.3, 0.02, 0.3, source_celsius=34.5, coupling=0.93),
  'hair': Material('person', 0.96, 3, 0.0, 0.3, 0.08, 0.3, source_celsius=33, coupling=0.6),
  'cloth': Material('person', 0.95, 3, 0.0, 0.3, 0.05, 0.5, source_celsius=34, coupling=0.62),
  'metal': Material('pole', 0.80, 14, -2.0, 0.5, 0.02, 0.2),
  'lamp': Material('pole', 0.90, 0, 0.0, 0.3, 0.0, 0.2, source_celsius=48, coupling=0.9),
}
# The order of first appearance; a class's index is what the feature `labels` stores.
CLASS_NAMES = tuple(dict.fromkeys(material.class_name for material in MATERIALS.values()))


def surface_temperature(
  material: Material, conditions: Conditions, facing: float, albedo: float
) -> tuple[float, float]:
  """Returns the temperature of a surface in steady state with the weather, in two parts.

  Args:
    material: of the surface.
    conditions: the weather.
    facing: cosine between the surface normal and the sun, 0 to 1.
    albedo: mean visible reflectance, 0 to 1; pale surfaces heat up less.

  Returns:
    (the temperature out of the sun, what direct sun adds), kelvin.
  """
  absorbed = material.solar_gain * (1.0 - 0.55 * albedo)
  if conditions.is_night:
    weather = material.night_offset * (1.0 - _CLOUD_BLANKET * conditions.cloud_cover)
  else:
    weather = _DIFFUSE_HEATING * absorbed * conditions.daylight
  shade = conditions.air_temperature + weather
  shade += material.coupling * (physics.ZERO_CELSIUS + material.source_celsius - shade)
  # A heat source behind the surface fixes its temperature, sun or not.
  heating = absorbed * conditions.sun_strength * facing * (1.0 - material.coupling)
  return shade, heating
