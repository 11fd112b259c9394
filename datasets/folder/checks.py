"""Decodes every image once before it is stored, and names everything that is wrong with them."""

import io
import itertools

import numpy as np

from cyclegan_jax.data import images
from datasets import storing
from datasets.folder.config import Example, FolderConfig, mixed_message


def load(path: str, domain: str, config: FolderConfig) -> np.ndarray:
  """Reads an image as it is to be stored.

  Returns:
    [height, width, channels of the domain] uint8 or uint16.

  Raises:
    ImageError: it cannot be read or is in color where gray is expected.
  """
  return images.for_domain(images.read_image(path), domain, config.channels(domain), path)


def encoded(path: str, domain: str, config: FolderConfig) -> str | io.BytesIO:
  """Returns what TFDS is to store: the file itself if possible, otherwise a lossless PNG."""
  if images.is_plain(path, channels=config.channels(domain)):
    return path
  return io.BytesIO(images.encode_png(load(path, domain, config)))


def check(config: FolderConfig) -> None:
  """Decodes all images of all splits and checks them.

  Raises:
    UserError: images are damaged, of the wrong kind, or of unequal size within a pair; the message
      names them (the first few of many).
  """
  examples = list(itertools.chain.from_iterable(config.examples.values()))
  found = storing.looked_at(examples, lambda example: _complaints(example, config), 'examples')
  storing.refuse(config.source_dir, list(itertools.chain.from_iterable(found)))


def _complaints(example: Example, config: FolderConfig) -> list[str]:
  """Everything that is wrong with one example."""
  complaints, sizes = [], []
  for domain, path in (('rgb', example.rgb), ('ir', example.ir)):
    if not path:
      continue
    try:
      array = load(path, domain, config)
    except images.ImageError as error:
      complaints.append(f'{error} (taken for an {domain.upper()} image: {config.layout})')
      continue
    height, width, _ = array.shape
    sizes.append(f'{width}x{height}')
    if array.dtype != config.dtype(domain):
      complaints.append(_mixed(domain, path, array.dtype, config))
  if len(set(sizes)) > 1:
    complaints.append(
      f'{example.rgb} is {sizes[0]} pixels, but its partner {example.ir} is {sizes[1]}; expected '
      'the same size: register or crop the images of a pair first.'
    )
  return complaints


def _mixed(domain: str, path: str, dtype: np.dtype, config: FolderConfig) -> str:
  """Names this image and one of the domain's usual dtype."""
  usual = (getattr(example, domain) for split in config.examples.values() for example in split)
  other = next((p for p in usual if p and images.image_header(p).dtype != dtype), path)
  return mixed_message(domain, *((path, other) if dtype == np.uint8 else (other, path)))
