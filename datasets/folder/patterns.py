"""--rgb_pattern and --ir_pattern: what names of a domain look like, and which part is the id."""

import dataclasses
import os
import re
import unicodedata

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from datasets.folder.scan import Parts

_EXPECTED = (
  "expected a name with one * for the part that both files of a pair share, such as '*_co.png', or "
  r"a regular expression with one group for it, such as '_0*(\d+)_T\.'"
)


@dataclasses.dataclass(frozen=True)
class Pattern:
  """A pattern for names of files, or for paths below the source folder if it has a slash.

  Attributes:
    text: as given.
    regex: has one group, which is the id.
    is_glob: it has to fit the whole name, without extension unless it ends in an image's.
  """

  text: str
  regex: re.Pattern[str]
  is_glob: bool

  @classmethod
  def parse(cls, flag: str, text: str) -> 'Pattern':
    """Reads the value of a flag; UserError if it is neither kind of pattern."""
    text = unicodedata.normalize('NFC', text)
    if '(' in text:
      try:
        regex = re.compile(text)
      except re.error:
        regex = None  # 'IMG (*).png' is a name with a wildcard.
      if regex and regex.groups == 1:
        return cls(text, regex, is_glob=False)
    if text.count('*') != 1:
      raise UserError(f'--{flag}={text}: {_EXPECTED}.')
    parts = (re.escape(part).replace(r'\?', '.') for part in text.split('*'))
    return cls(text, re.compile('(?s)' + '(.+)'.join(parts)), is_glob=True)

  @property
  def literal(self) -> int:
    """The number of characters that it prescribes: of two that fit, the longer is meant."""
    return len(self.text)

  def id(self, parts: Parts) -> str:
    """Returns the id of a file with this path; '' if the pattern does not fit.

    It is the part that is marked; for patterns without a slash, with the folders before it.
    """
    # Systems disagree about whether an accent is a character of its own.
    parts = tuple(unicodedata.normalize('NFC', part) for part in parts)
    name = '/'.join(parts) if '/' in self.text else parts[-1]
    if not self.is_glob:
      match = self.regex.search(name)
    else:
      if os.path.splitext(self.text)[1].lower() not in images.EXTENSIONS:
        name = os.path.splitext(name)[0]
      match = self.regex.fullmatch(name)
    if not match or not match[1]:
      return ''
    folders = () if '/' in self.text else parts[:-1]
    return '/'.join((*folders, match[1]))


def parse(rgb_pattern: str, ir_pattern: str) -> dict[str, Pattern]:
  """Returns the pattern of each domain; none if both are empty.

  Raises:
    UserError: one is missing, or cannot be read.
  """
  given = {'rgb': rgb_pattern, 'ir': ir_pattern}
  if not any(given.values()):
    return {}
  for domain, text in given.items():
    if not text:
      raise UserError(f'--{domain}_pattern is missing: --rgb_pattern and --ir_pattern go together.')
  if rgb_pattern == ir_pattern and '/' in rgb_pattern:
    raise UserError(f'--rgb_pattern and --ir_pattern are the same: {rgb_pattern}.')
  return {domain: Pattern.parse(f'{domain}_pattern', text) for domain, text in given.items()}


def told(patterns: dict[str, Pattern], parts: Parts) -> tuple[str, str] | None:
  """Returns the domain and the id of a file by the patterns alone; None if none fits.

  Raises:
    UserError: both fit equally well.
  """
  found = {domain: id_ for domain, pattern in patterns.items() if (id_ := pattern.id(parts))}
  if len(found) > 1:
    lengths = {domain: patterns[domain].literal for domain in found}
    if len(set(lengths.values())) == 1:
      raise UserError(
        f'{"/".join(parts)} fits both --rgb_pattern={patterns["rgb"].text} and '
        f'--ir_pattern={patterns["ir"].text}. Make one of them longer, or name the two folders '
        'with --rgb_dir and --ir_dir.'
      )
    longest = max(lengths, key=lambda domain: lengths[domain])
    return longest, found[longest]
  return next(iter(found.items()), None)
