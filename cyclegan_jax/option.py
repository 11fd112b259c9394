"""A setting as a dataclass field that carries everything there is to know about it.

The library's settings (settings.py) and the options of single data sets (datasets/registry.py) are
made of these fields. Flags, help texts, validation, resuming and comparing read the metadata, so a
new setting is one entry.
"""

import dataclasses
import math
from typing import Any, Literal


@dataclasses.dataclass(frozen=True)
class Bounds:
  """The numbers that a setting allows: from `low`, without itself if `above`, to below `high`."""

  low: float = 0
  high: float = math.inf
  above: bool = False

  def __contains__(self, value: float) -> bool:
    """Returns False for NaN, too."""
    return self.low <= value < self.high and not (self.above and value == self.low)

  def __str__(self) -> str:
    text = f'{"above" if self.above else "of at least"} {self.low:g}'
    return text if self.high == math.inf else f'{text} and below {self.high:.12g}'


def is_size(value: Any) -> bool:
  """Returns whether a value is a height and a width, whatever bounds they have."""
  return isinstance(value, tuple) and len(value) == 2 and all(isinstance(x, int) for x in value)


def option(
  default: Any,
  help_text: str,
  allowed: tuple[Any, ...] | Bounds | None = None,
  *,
  affects: Literal['pixels', 'training', 'checkpoint', 'nothing'] = 'training',
  place: bool = False,
  per_process: bool = False,
  follows: str = '',
) -> Any:
  """Declares a setting.

  Args:
    default: its value unless a preset or a flag says otherwise.
    help_text: its documentation, one or more sentences.
    allowed: the values of a closed list, or the bounds of a number, or of both sides of a size;
      None where anything goes or validation.py decides.
    affects: the first of these that the setting changes. 'pixels': the images that a model is
      measured on, so compared models must agree. 'training': a training step, so a resumed run must
      agree. 'checkpoint': when training ends and which checkpoint is the best; a resumed run may
      change it. 'nothing': no result.
    place: it names a file or folder of the user. It is private and means nothing elsewhere.
    per_process: processes that train together may differ in it.
    follows: where the default depends on other settings, how, for people. See `config.make`.
  """
  metadata = {'help': help_text, 'allowed': allowed, 'affects': affects, 'follows': follows}
  metadata |= {'place': place, 'per_process': per_process}
  return dataclasses.field(default=default, metadata=metadata)
