"""The base class of the builders of published data sets: checks, encodes and stores all pairs."""

import abc
import collections
from collections.abc import Collection, Mapping, Sequence
import functools
import hashlib
import io
import pathlib
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from cyclegan_jax.image_files import images
from cyclegan_jax.progress import tracked
from datasets import leftovers, storing
from datasets.archives import Reader
from datasets.published import Config, Pair
from datasets.storing import Examples

Size = tuple[int, int]
Sizes = dict[tuple[str, str], Size]  # By sequence and kind.


class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  """Stores the pairs of a configuration; the format is array_record unless another is asked for.

  `info.metadata` has 'checksums' (part of the published files -> number and SHA-256 of its files)
  and 'notes'. Subclasses say how files are found, checked, decoded and stored.

  Attributes:
    partners: kind of file -> (the kind that must have the same size, its name in messages).
    constant: kinds whose files must have the same size within a sequence.
  """

  partners: ClassVar[Mapping[str, tuple[str, str]]]
  constant: ClassVar[Collection[str]]
  # TFDS's property returns what the builder was made with.
  builder_config: Config

  def __init__(self, *, file_format: str | tfds.core.FileFormat | None = None, **kwargs: Any):
    # TFDS's own default can neither be written nor read without TensorFlow.
    super().__init__(file_format=file_format or 'array_record', **kwargs)

  @abc.abstractmethod
  def _find(self, dl_manager: tfds.download.DownloadManager) -> Any:
    """Looks for the files; returns a configuration with pairs."""

  @abc.abstractmethod
  def _check(self, config: Any, reader: Reader) -> tuple[dict[str, str], dict[str, Any]]:
    """Decodes all files; returns their checksums, and what else the metadata are to have."""

  @abc.abstractmethod
  def _load(self, kind: str, data: bytes, name: str) -> np.ndarray:
    """Decodes a file to [height, width, channels]; ImageError if it is not what it should be."""

  @abc.abstractmethod
  def _features(self, config: Any, pair: Pair, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Returns what is stored besides id and sequence.

    Images are arrays [height, width, channels] or PNG files, layers arrays [height, width].
    """

  def _described(
    self, homepage: str, docs: Mapping[str, tuple[int, str]], features: Mapping[str, Any]
  ) -> tfds.core.DatasetInfo:
    """Describes images (feature -> channels, text) and other features."""
    stored = {
      name: tfds.features.Image(
        shape=(None, None, channels),
        encoding_format=None if name in ('rgb', 'ir') else 'png',
        doc=doc,
      )
      for name, (channels, doc) in docs.items()
    }
    return self.dataset_info_from_configs(
      features=tfds.features.FeaturesDict({**stored, **features}),
      supervised_keys=('rgb', 'ir'),
      homepage=homepage,
      metadata=tfds.core.MetadataDict(),
    )

  def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Examples]:
    """Checks all files first, so that a bad one is named before anything is written."""
    # While a builder prepares, data_dir is <root>/<name>/<configuration>/incomplete.<...>.
    leftovers.remove_abandoned(pathlib.Path(self.data_dir).parents[1].glob('*/incomplete.*'))
    config = self.builder_config if self.builder_config.pairs else self._find(dl_manager)
    with Reader() as reader:
      checksums, metadata = self._check(config, reader)
    storing.record_checksums(self, config.source_dir, checksums)
    assert self.info.metadata is not None
    self.info.metadata.update(metadata, notes=list(config.notes))
    return {split: self._generate_examples(config, p) for split, p in config.examples.items()}

  def _look_at(
    self, pairs: Sequence[Pair], reader: Reader
  ) -> tuple[list[str], list[tuple[Pair, str, str]], Sizes]:
    """Decodes all files of all pairs.

    Returns:
      (what is wrong with them; (pair, kind, SHA-256) of each; (sequence, kind) -> the commonest
      size, sorted)
    """
    found = storing.looked_at(pairs, functools.partial(self._look, reader), 'pairs')
    counts = collections.defaultdict(collections.Counter)
    for pair, (_, _, sizes) in zip(pairs, found):
      for kind in sizes.keys() & set(self.constant):
        counts[pair.sequence, kind][sizes[kind]] += 1
    usual = {key: counter.most_common(1)[0][0] for key, counter in sorted(counts.items())}
    complaints = [text for texts, _, _ in found for text in texts]
    for pair, (texts, _, sizes) in zip(pairs, found):
      for kind, size in sizes.items():
        expected = usual.get((pair.sequence, kind), size)
        if size != expected and not texts:
          complaints.append(
            f'{pair.files[kind].shown} is {size_text(size)} pixels, expected {size_text(expected)} '
            'as most frames of its sequence. Use the files as published.'
          )
    digests = [(pair, *item) for pair, (_, of, _) in zip(pairs, found) for item in of.items()]
    return complaints, digests, usual

  def _look(self, reader: Reader, pair: Pair) -> tuple[list[str], dict[str, str], dict[str, Size]]:
    """What is wrong with the files of a pair, their digests and sizes by kind."""
    complaints, digests, sizes = [], {}, {}
    for kind, file in pair.files.items():
      try:
        data = reader.read(file)
        digests[kind] = hashlib.sha256(data).hexdigest()
        sizes[kind] = self._load(kind, data, file.shown).shape[:2]
      except images.ImageError as error:
        complaints.append(f'{error} If it was not published like that, download it again.')
    for kind, (partner, called) in self.partners.items():
      if {kind, partner} <= sizes.keys() and sizes[kind] != sizes[partner]:
        complaints.append(
          f'{pair.files[kind].shown} is {size_text(sizes[kind])} pixels, but its {called} '
          f'{pair.files[partner].shown} is {size_text(sizes[partner])}; expected the same size. '
          'Use the files as published.'
        )
    return complaints, digests, sizes

  def _generate_examples(self, config: Any, examples: tuple[Pair, ...]) -> Examples:
    """Yields id and example; encodes a few pairs ahead."""
    with Reader() as reader:
      made = storing.made_ahead(examples, functools.partial(self._encoded, config, reader))
      for pair, encoded in tracked(made, len(examples), 'Preparing', print, unit='pairs'):
        yield pair.id, {**encoded, 'id': pair.id, 'sequence': pair.sequence}

  def _encoded(self, config: Any, reader: Reader, pair: Pair) -> dict[str, Any]:
    """The features with images encoded: the published file if it has just the wanted pixels."""
    data = {kind: reader.read(file) for kind, file in pair.files.items()}
    arrays = {kind: self._load(kind, data[kind], file.shown) for kind, file in pair.files.items()}
    features = self._features(config, pair, arrays)
    for name, value in features.items():
      if isinstance(value, np.ndarray) and value.ndim == 3:  # Layers are no images.
        whole = value is arrays.get(name) and images.is_plain(data[name], name, value.shape[-1])
        value = data[name] if whole else storing.encode_png(value)
      if isinstance(value, bytes):
        features[name] = io.BytesIO(value)
    return features


def size_text(size: Size) -> str:
  """Formats (height, width) for people: width first."""
  return f'{size[1]}x{size[0]}'


def frame(domain: str, array: np.ndarray, name: str) -> np.ndarray:
  """Returns a decoded frame as it is stored, uint8 [height, width, 3] for 'rgb', otherwise 1.

  Raises:
    ImageError: it has 16 bits, or is gray where color is expected, or the other way around.
  """
  if array.dtype != np.uint8:
    raise images.ImageError(f'{name}: has 16 bits per sample, expected 8.')
  if domain == 'rgb':
    if array.shape[-1] == 1:
      raise images.ImageError(f'{name}: is gray, expected a frame in color.')
    return array
  # Faster than images.to_channels, which allows for JPEG's errors, where there are none.
  return array[..., :1] if equal_channels(array) else images.to_channels(array, 1, name)


def equal_channels(array: np.ndarray) -> bool:
  """Returns whether all channels of an image [height, width, channels] are the same."""
  return all(np.array_equal(array[..., 0], array[..., i]) for i in range(1, array.shape[-1]))
