"""The types of the pixels of a domain's files, which have to be the same in all."""

from collections.abc import Mapping, Sequence
import math

from cyclegan_jax import errors
from cyclegan_jax.image_files import images, reading
from cyclegan_jax.image_files.decoding import Source
from datasets.folder import layouts

# So many files of a domain at the most are looked at first. Preparation checks all.
_SAMPLED = 8
# For people: the kind of an image, and what it has.
_NAMES = {
  'uint8': ('8-bit', '8 bits'),
  'uint16': ('16-bit', '16 bits'),
  'float32': ('floating-point', 'floating-point numbers'),
}


def of_domain(domain: str, by_id: Mapping[str, layouts.ImageFile]) -> str:
  """Returns the name of a domain's dtype, from a few of its files.

  Raises:
    UserError: they differ, or a file cannot be read.
  """
  paths = [by_id[id_].path for id_ in _sample(sorted(by_id))]
  examples = {of_file(domain, path): path for path in paths}
  if len(examples) > 1:
    raise errors.UserError(mixed(domain, examples))
  return next(iter(examples))


def of_file(domain: str, source: Source, name: str | None = None) -> str:
  """Returns the name of a file's dtype; IR files may have floating-point numbers.

  Args:
    domain: 'rgb' or 'ir'.
    source: the path or the content of the file.
    name: for messages; the path by default.

  Raises:
    ImageError: the file cannot be read.
  """
  look = reading.header if domain == 'ir' else images.image_header
  return look(source, name).dtype.name


def bits(dtype: str) -> str:
  """Returns what pixels of a dtype have, for people, such as '8 bits'."""
  return _NAMES[dtype][1]


def mixed(domain: str, examples: Mapping[str, str]) -> str:
  """Returns a message about a domain with several dtypes, of which `examples` has a path each."""
  known = [dtype for dtype in _NAMES if dtype in examples]
  kinds = ' and '.join(_NAMES[dtype][0] for dtype in known)
  each = ', '.join(f'{examples[dtype]} has {_NAMES[dtype][1]}' for dtype in known)
  return (
    f'the {domain.upper()} images are {kinds} mixed: {each}. Expected one kind throughout: convert '
    'one into the other, knowing what its range means.'
  )


def _sample(ids: Sequence[str]) -> Sequence[str]:
  """Returns a few of the ids, evenly spaced."""
  return ids[:: max(1, math.ceil(len(ids) / _SAMPLED))]
