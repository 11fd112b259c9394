"""Settings that follow others: their values unless they are given themselves.

Such a setting says in its `option(follows=...)`, for people, what `RULES` computes here.
"""

from collections.abc import Callable, Mapping
import types
from typing import Any, NamedTuple

from cyclegan_jax.option import is_size
from cyclegan_jax.presets import SUPERVISED_WEIGHTS

# Of Park et al. 2020.
_PROJECTION_WIDTH = 256


class Known(NamedTuple):
  """What a rule sees: a setting's name is a key of each.

  Attributes:
    values: of all settings: those given, then the preset's, then the defaults.
    preset: what the preset has, defaults included.
    named: the settings that the preset itself names.
    given: those that were given.
  """

  values: Mapping[str, Any]
  preset: Mapping[str, Any]
  named: frozenset[str]
  given: frozenset[str]


def _supervised_weight(known: Known) -> float:
  if 'supervised_weight' in known.named:
    return known.values['supervised_weight']
  # An unknown method is refused later.
  weight = SUPERVISED_WEIGHTS.get(known.values['method'], 0.0)
  return weight if known.values['paired'] else 0.0


def _identity_weight(known: Known) -> float:
  equal = known.values['rgb_channels'] == known.values['ir_channels']
  return known.values['identity_weight'] if equal else 0.0


def _discriminator(known: Known) -> str:
  return known.values['discriminator'] if known.values['adversarial_weight'] else 'none'


def _projection_width(known: Known) -> int:
  width = known.values['projection_width'] or _PROJECTION_WIDTH
  return width if known.values['nce_weight'] else 0


def _load_size(known: Known) -> tuple[int, int]:
  """Keeps the share of an image that a crop shows."""
  load, size = known.preset['load_size'], known.values['image_size']
  if known.values['resize'] == 'none':
    return 0, 0
  # What is no size is refused later.
  if load == (0, 0) or 'image_size' not in known.given or not is_size(size):
    return load
  whole = known.preset['image_size']
  height, width = (round(a * b / c) for a, b, c in zip(load, size, whole))
  return height, width


def _decay_start(known: Known) -> int:
  if 'decay_epochs' in known.given:  # The learning rate falls at the end.
    falling = known.values['decay_epochs']
    known_end = falling and not known.values['steps']
    return max(0, known.values['epochs'] - falling) if known_end else 0
  return _scaled(known, known.preset['decay_start'])


def _decay_epochs(known: Known) -> int:
  if not known.preset['decay_epochs']:
    return 0
  if 'decay_start' in known.given:
    return max(0, known.values['epochs'] - known.values['decay_start'])
  total = _scaled(known, known.preset['decay_start'] + known.preset['decay_epochs'])
  return max(1, total - _scaled(known, known.preset['decay_start']))


def _scaled(known: Known, epochs: int) -> int:
  """A number of the preset's epochs, as large a share of those that were given."""
  whole = known.preset['epochs']
  return epochs if 'epochs' not in known.given else epochs * known.values['epochs'] // whole


# In an order in which none depends on a later one.
RULES: Mapping[str, Callable[[Known], Any]] = types.MappingProxyType(
  {
    'supervised_weight': _supervised_weight,
    'identity_weight': _identity_weight,
    'discriminator': _discriminator,
    'projection_width': _projection_width,
    'load_size': _load_size,
    'decay_start': _decay_start,
    'decay_epochs': _decay_epochs,
  }
)


def follow(
  values: Mapping[str, Any], preset: Mapping[str, Any], named: frozenset[str], given: frozenset[str]
) -> dict[str, Any]:
  """Returns all values, with those that follow others and were not given computed; see `Known`."""
  found = dict(values)
  for name, rule in RULES.items():
    if name not in given:
      found[name] = rule(Known(found, preset, named, given))
  return found
