"""Checks of all frames and a base class for the builders of the published data sets."""

import collections
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
import hashlib
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import tensorflow_datasets as tfds

from cyclegan_jax.data import images
from datasets import storing
from datasets.archives import Reader, StoredFile

Size = tuple[int, int]


class Pair(Protocol):
  """A pair of frames with an id and the sequence it is from."""

  @property
  def id(self) -> str:
    """The id of the example, unique in the data set."""

  @property
  def sequence(self) -> str:
    """The sequence that the pair is from."""


AnyPair = TypeVar('AnyPair', bound=Pair)


class Looked(NamedTuple):
  """Results of checking the files of one pair.

  Attributes:
    pair: the pair.
    files: kind -> file.
    complaints: everything that is wrong with these files alone.
    digests: kind -> SHA-256 of the file.
    sizes: kind -> (height, width) of the files that can be decoded.
  """

  pair: Pair
  files: Mapping[str, StoredFile]
  complaints: list[str]
  digests: dict[str, str]
  sizes: dict[str, Size]


def look_at(
  pairs: Collection[AnyPair],
  files: Callable[[AnyPair], Mapping[str, StoredFile]],
  load: Callable[[str, bytes, str], np.ndarray],
  partners: Mapping[str, tuple[str, str]],
  reader: Reader,
  remedy: str,
) -> list[Looked]:
  """Decodes all files of all pairs.

  Args:
    pairs: in the order of the result.
    files: pair -> kind -> file.
    load: (kind, content, name for messages) -> image [height, width, channels]; raises ImageError.
    partners: kind -> (the kind that must have the same size, its name in messages).
    reader: reads the files.
    remedy: advice on damaged files.
  """

  def look(pair: AnyPair) -> Looked:
    looked = Looked(pair, files(pair), [], {}, {})
    for kind, file in looked.files.items():
      try:
        data = reader.read(file)
        looked.digests[kind] = hashlib.sha256(data).hexdigest()
        height, width, _ = load(kind, data, file.shown).shape
        looked.sizes[kind] = height, width
      except images.ImageError as error:
        looked.complaints.append(f'{error} {remedy}')
    for kind, (partner, called) in partners.items():
      size, expected = looked.sizes.get(kind), looked.sizes.get(partner)
      if size and expected and size != expected:
        looked.complaints.append(
          f'{looked.files[kind].shown} is {size_text(size)} pixels, but its {called} '
          f'{looked.files[partner].shown} is {size_text(expected)}; expected the same size. Use '
          'the files as published.'
        )
    return looked

  return storing.looked_at(pairs, look, 'pairs')


def usual_sizes(
  all_looked: Sequence[Looked], kinds: Collection[str]
) -> dict[tuple[str, str], Size]:
  """Returns (sequence, kind) -> the commonest size, sorted."""
  counts = collections.defaultdict(collections.Counter)
  for looked in all_looked:
    for kind in looked.sizes.keys() & set(kinds):
      counts[looked.pair.sequence, kind][looked.sizes[kind]] += 1
  return {key: counter.most_common(1)[0][0] for key, counter in sorted(counts.items())}


def unusual(
  all_looked: Sequence[Looked], sizes: Mapping[tuple[str, str], Size], group: str
) -> Iterator[str]:
  """Yields complaints about frames whose size is not that of most frames of their sequence.

  Args:
    all_looked: what `look_at` returned.
    sizes: what `usual_sizes` returned.
    group: the word for a sequence in messages.
  """
  for looked in all_looked:
    for kind, size in looked.sizes.items():
      expected = sizes.get((looked.pair.sequence, kind), size)
      if size != expected and not looked.complaints:
        yield (
          f'{looked.files[kind].shown} is {size_text(size)} pixels, expected '
          f'{size_text(expected)} as most frames of its {group}. Use the files as published.'
        )


def size_text(size: Size) -> str:
  """Formats (height, width) for people: width first."""
  return f'{size[1]}x{size[0]}'


class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  """Base class of the builders, whose configurations hold the files that were found."""

  def __init__(self, *, file_format: str | tfds.core.FileFormat | None = None, **kwargs: Any):
    # TFDS's own default can neither be written nor read without TensorFlow.
    super().__init__(file_format=file_format or 'array_record', **kwargs)

  def _record(self, config: Any, checksums: dict[str, str], **metadata: Any) -> None:
    """Stores results of the checks after comparing checksums with other prepared copies."""
    storing.record_checksums(self, config.source_dir, checksums)
    assert self.info.metadata is not None
    self.info.metadata.update(metadata, notes=list(config.notes))
