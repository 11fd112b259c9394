"""What a data set hands to the library: records in both domains, and what their pixels mean."""

from collections.abc import Mapping
import dataclasses
from typing import Any, Protocol

from cyclegan_jax import normalization

SPLITS = ('train', 'validation', 'test')


class Records(Protocol):
  """Random access to encoded examples.

  A record has `rgb` and/or `ir` (bytes of an image file), `id` and `sequence` (bytes, UTF-8), and
  perhaps `mask` (see masks.py).
  """

  def __len__(self) -> int: ...

  def __getitem__(self, index: int) -> Mapping[str, Any]: ...


@dataclasses.dataclass(frozen=True)
class Domain:
  """One side of the translation.

  Attributes:
    name: 'rgb' or 'ir'.
    channels: 1 or 3.
    normalization: pixel values to network values; its max_value is 255 or 65535.
  """

  name: str
  channels: int
  normalization: normalization.Normalization


@dataclasses.dataclass(frozen=True)
class Split:
  """One split. If `aligned`, `rgb` and `ir` are the same records, one scene each."""

  name: str
  rgb: Records
  ir: Records
  aligned: bool

  def __len__(self) -> int:
    """Examples in an epoch: the size of the larger domain."""
    return max(len(self.rgb), len(self.ir))


@dataclasses.dataclass(frozen=True)
class Dataset:
  """A prepared data set.

  Attributes:
    name: as given by --dataset.
    description: one or two sentences for the log: layout found, what was left out.
    fingerprint: hexadecimal digest of which examples are in which split.
    domains: 'rgb' and 'ir'.
    splits: 'train', 'validation', 'test'; a split that the data lack is absent or empty.
    has_mask: whether records have a `mask`.
  """

  name: str
  description: str
  fingerprint: str
  domains: dict[str, Domain]
  splits: dict[str, Split]
  has_mask: bool = False

  def pairs(self, split: str) -> int:
    """How many pairs a split has to measure on."""
    found = self.splits.get(split)
    return len(found) if found and found.aligned else 0

  def facts(self) -> dict[str, Any]:
    """What has to stay the same while a run goes on, ready for JSON."""
    return {
      'fingerprint': self.fingerprint,
      'domains': {
        name: {'channels': domain.channels, 'max_value': domain.normalization.max_value}
        for name, domain in self.domains.items()
      },
      'splits': {
        split.name: {'rgb': len(split.rgb), 'ir': len(split.ir), 'aligned': split.aligned}
        for split in self.splits.values()
      },
    }
