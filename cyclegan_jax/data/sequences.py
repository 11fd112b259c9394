"""Which IR images may lend an RGB image their style: those of its sequence.

A sequence is one place at one moment, so that all its IR images look alike. Where records name
none, every record is a sequence of its own, and a pair exchanges its own styles.
"""

from collections.abc import Sequence
import dataclasses

import numpy as np

from cyclegan_jax.data import records
from cyclegan_jax.data.records import Records
from cyclegan_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Partners:
  """The IR images of each RGB image's sequence.

  Attributes:
    groups: Of each RGB image the indices of the IR images, at least one.
    sequences: How many sequences there are.
  """

  groups: Sequence[np.ndarray]
  sequences: int

  def draw(self, index: int, rng: np.random.Generator) -> int:
    """Returns the index of an IR image for an RGB image, each as likely as any other."""
    group = self.groups[index]
    return int(group[rng.integers(len(group))])

  def text(self) -> str:
    """Returns a sentence for the log."""
    mean = np.mean([len(group) for group in self.groups])
    if mean == 1:
      return (
        'Styles: each RGB image sees that of its own IR image, since no sequence has two (sub-'
        'folders, or the frames of a video, are sequences).'
      )
    return (
      f'Styles: exchanged within {self.sequences} sequences; an RGB image sees those of '
      f'{mean:.1f} IR images on average.'
    )


def partners(rgb: Records, ir: Records, aligned: bool) -> Partners:
  """Returns which IR images belong to which RGB image.

  Args:
    rgb: Records, of which `sequence` and `id` are read.
    ir: Likewise.
    aligned: They are the same records.

  Raises:
    UserError: The sequence of an RGB image has no IR image.
  """
  names = _sequences(rgb)
  of_ir = names if aligned else _sequences(ir)
  # Of pairs without a sequence, each is one.
  keys, ir_keys = (
    [name or (i if aligned else '') for i, name in enumerate(part)] for part in (names, of_ir)
  )
  places: dict[str | int, list[int]] = {}
  for i, key in enumerate(ir_keys):
    places.setdefault(key, []).append(i)
  lonely = [i for i, key in enumerate(keys) if key == '' or key not in places]
  if lonely:
    raise UserError(_alone(records.text(rgb[lonely[0]]['id']), names[lonely[0]], len(lonely)))
  groups = {key: np.array(found) for key, found in places.items()}
  return Partners([groups[key] for key in keys], len({*keys}))


def _sequences(of: Records) -> list[str]:
  return [records.text(of[i]['sequence']) for i in range(len(of))]


def _alone(id_: str, name: str, n: int) -> str:
  belongs = f'its sequence {name} has no IR image' if name else 'it is in no sequence'
  others = f' (as for {n - 1} others)' if n > 1 else ''
  return (
    f'--method=exemplar: nothing says which IR images show what the RGB image {id_} shows: '
    f'{belongs}{others}. Styles are exchanged within a sequence, one place at one moment: put its '
    'images into sub-folders of one name, such as rgb/street_1 and ir/street_1. Or start from '
    '--preset=cyclegan or --preset=cut, which need none.'
  )
