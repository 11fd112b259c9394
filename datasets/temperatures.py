"""What gray levels of IR images mean: by --ir_range or --ir_span, or by the renderer's physics."""

import numpy as np

from cyclegan_jax import radiometry
from cyclegan_jax.settings import DataConfig


def scale(config: DataConfig, max_value: float) -> radiometry.Scale | None:
  """Returns what gray levels 0 to max_value mean; None if that is not known.

  Those of `synthetic` are linear in radiance. They mean the temperature of a black body of that
  radiance, in degrees Celsius.
  """
  if found := radiometry.known(config.ir_range, config.ir_span):
    return found.scale(max_value)
  if config.dataset != 'synthetic':
    return None
  from datasets.synthetic import camera, physics  # Late: SciPy is slow to import.

  low, high = physics.temperature_to_radiance(np.array(camera.IR_SPAN))

  def values(gray: np.ndarray) -> np.ndarray:
    radiance = low + np.asarray(gray, np.float64) / max_value * (high - low)
    return physics.radiance_to_temperature(radiance) - physics.ZERO_CELSIUS

  def gray(degrees: np.ndarray) -> np.ndarray:
    radiance = physics.temperature_to_radiance(np.asarray(degrees) + physics.ZERO_CELSIUS)
    return (radiance - low) / (high - low) * max_value

  return radiometry.Scale('degC', values, gray)
