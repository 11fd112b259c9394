"""Which of the many IR images of an RGB image is meant: --temperature=person=34,background=12."""

from collections.abc import Callable
import dataclasses

import numpy as np

from cyclegan_jax import radiometry
from cyclegan_jax.data.condition import BACKGROUND, Condition
from cyclegan_jax.data.source import Domain
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference.model import Model
from cyclegan_jax.progress import Log
from cyclegan_jax.settings import DataConfig

# What the gray levels of a run's IR images mean, from its settings and the largest level; None if
# that is not known.
ScaleOf = Callable[[DataConfig, float], radiometry.Scale | None]

# Standard deviations of the training images; beyond them there was hardly any.
_FAR = 3


@dataclasses.dataclass(frozen=True)
class Command:
  """What is asked for.

  Attributes:
    levels: By the name of a class, or of another quantity of the model's condition: degrees where
      the scale is known, otherwise gray levels.
    scale_of: Finds the scale.
  """

  levels: dict[str, float]
  scale_of: ScaleOf

  def condition(self, model: Model, direction: str, log: Log) -> np.ndarray:
    """Returns the condition that a model is to be told, float32 [size].

    Args:
      model: The model.
      direction: 'rgb_to_ir'.
      log: Takes lines about the unit, and about levels that no training image had.

    Raises:
      UserError: The model takes no commands, or not these.
    """
    ir, known = model.domains['ir'], model.domains['ir'].condition
    if direction != 'rgb_to_ir':
      raise UserError(f'--temperature is for IR images, but {direction} makes others.')
    if not known:
      raise UserError(
        '--temperature: this model has one IR image for each RGB image. Train one with '
        '--condition=class_temperatures, or --condition=quantiles, to have many.'
      )
    scale = self.scale_of(model.config.data, ir.max_value)
    if not scale:
      log(
        f'Temperatures are gray levels from 0 to {ir.max_value:.0f}, because nothing says what '
        'gray levels mean (--ir_range).'
      )
    gray = {name: float(scale.gray(x)) if scale else x for name, x in self.levels.items()}
    self._check(gray, ir, scale)
    values = ir.normalize(np.array([*gray.values()])).tolist()
    told = known.command(dict(zip(gray, values)))
    for line in _strange(known, told, self.levels, ir, scale):
      log(line)
    return told

  def texts(self, model: Model) -> dict[str, str]:
    """Returns it for the metadata of images."""
    scale = self.scale_of(model.config.data, model.domains['ir'].max_value)
    listed = ','.join(f'{name}={level:g}' for name, level in sorted(self.levels.items()))
    return {'temperature': f'{listed} {scale.unit if scale else "gray levels"}'}

  def _check(self, gray: dict[str, float], ir: Domain, scale: radiometry.Scale | None) -> None:
    ends = [float(scale.values(end)) if scale else end for end in (0.0, ir.max_value)]
    for name, level in gray.items():
      if not -0.5 <= level <= ir.max_value + 0.5:
        unit = f' {scale.unit}' if scale else ''
        raise UserError(
          f'--temperature={name}={self.levels[name]:g}: the IR images of this model show '
          f'{ends[0]:g} to {ends[1]:g}{unit}. Give a value between them.'
        )


def parse(text: str, scale_of: ScaleOf) -> Command | None:
  """Parses NAME=NUMBER,NAME=NUMBER; None for ''.

  Raises:
    UserError: The text has another form, or names something twice.
  """
  levels: dict[str, float] = {}
  for part in text.split(',') if text else ():
    name, _, number = part.rpartition('=')
    try:
      level = float(number)
    except ValueError:
      level = np.nan
    if not name.strip() or not np.isfinite(level) or name.strip() in levels:
      raise UserError(
        f'--temperature={text}: expected the name of a class and a number, each once, such as '
        f'person=34,{BACKGROUND}=12.'
      )
    levels[name.strip()] = level
  return Command(levels, scale_of) if levels else None


def _strange(
  known: Condition,
  told: np.ndarray,
  levels: dict[str, float],
  ir: Domain,
  scale: radiometry.Scale | None,
) -> list[str]:
  """Sentences on commands that training images have hardly shown."""
  found = []
  for i, name in enumerate(known.names):
    if name not in levels:
      continue
    if not known.share[i]:
      found.append(f'Note: no training image has {name}, so that the command may do nothing.')
    elif abs(told[i] - known.mean[i]) > _FAR * known.spread[i]:
      low, high = (known.mean[i] + sign * _FAR * known.spread[i] for sign in (-1, 1))
      gray = np.clip(ir.denormalize(np.array([low, high])), 0, ir.max_value)
      ends, unit = (scale.values(gray), f' {scale.unit}') if scale else (gray, '')
      found.append(
        f'Note: {name}={levels[name]:g} is beyond what nearly all training images show, '
        f'{ends[0]:.3g} to {ends[1]:.3g}{unit}: the model may not follow.'
      )
  return found
