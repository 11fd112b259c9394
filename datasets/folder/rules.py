"""Rules that tell the domain and the id of an image by its path.

The id is the path without the domain folder, the extension and suffixes such as `_RGB`, or what
--rgb_pattern and --ir_pattern mark.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
import functools
import os
import pathlib
import re
import unicodedata

from cyclegan_jax.errors import UserError
from datasets.folder import affixes
from datasets.folder.patterns import Pattern
from datasets.folder.scan import ImageFile, NamedFolder, Parts

# Folder names in lower case, and which of them go together in published data sets.
_RGB_FOLDERS = ('rgb', 'visible', 'vi', 'vis', 'color', 'colour', 'crop_lr_visible')
_IR_FOLDERS = ('ir', 'infrared', 'thermal', 'lwir', 'tir', 't', 'cropinfrared')
_KNOWN_PAIRS = {
  ('visible', 'infrared'): ' (as in LLVIP)',
  ('vi', 'ir'): ' (as in MSRS)',
  ('vis', 'ir'): ' (as in M3FD)',
  ('visible', 'lwir'): ' (as in KAIST)',
  ('crop_lr_visible', 'cropinfrared'): ' (as in RoadScene)',
}
_SUFFIXES = {
  'rgb': re.compile(r'(?ais)(?<=.)_(rgb|visible|vis|color)\Z'),
  'ir': re.compile(r'(?ais)(?<=.)_(previewdata|thermal|infrared|lwir|ir)\Z'),
}
_AB_FOLDER = re.compile(r'(train|test|val|validation)([ab])', re.IGNORECASE)

# Path below the source folder -> the domain, and the path without what tells it.
FolderRule = Callable[[Parts], tuple[str, Parts] | None]
# Path below the source folder -> the domain and the id.
Rule = Callable[[Parts], tuple[str, str] | None]


def identifier(parts: Parts, domain: str) -> str:
  """Returns the '/'-separated id of a relative path: no extension, no domain suffix."""
  stem = os.path.splitext(parts[-1])[0]
  suffixes = _SUFFIXES.get(domain)
  # Systems disagree about whether an accent is a character of its own.
  name = suffixes.sub('', stem) if suffixes else stem
  return unicodedata.normalize('NFC', '/'.join((*parts[:-1], name)))


def named(rule: FolderRule, patterns: Mapping[str, Pattern]) -> Rule:
  """Returns a rule that takes the id from the name, or from what the patterns mark in it."""

  def find(parts: Parts) -> tuple[str, str] | None:
    if not (place := rule(parts)):
      return None
    domain, rest = place
    id_ = patterns[domain].id(rest) if patterns else identifier(rest, domain)
    return (domain, id_) if id_ else None

  return find


def by_folders(files: Iterable[ImageFile]) -> dict[str, FolderRule]:
  """Description -> rule, for every combination of known folder names that occurs."""
  names = {part.lower() for file in files for part in file.parts[:-1]}
  rules: dict[str, FolderRule] = {}
  for rgb in sorted(names.intersection(_RGB_FOLDERS)):
    for ir in sorted(names.intersection(_IR_FOLDERS)):
      description = f"RGB in folders '{rgb}', IR in folders '{ir}'"
      rule = functools.partial(_folder_rule, rgb, ir)
      rules[description + _KNOWN_PAIRS.get((rgb, ir), '')] = rule
  if any(_AB_FOLDER.fullmatch(name) for name in names):
    rules['A (trainA, testA) taken for RGB, B (trainB, testB) for IR'] = _ab_rule
  return rules


def by_words(files: Iterable[ImageFile]) -> dict[str, FolderRule]:
  """The rule by words in the names of files, with the words that occur; none if there are none.

  Letters such as `_t` are words only where most names have partners that differ by them.
  """
  rests, words = ({'rgb': set(), 'ir': set()} for _ in range(2))
  for file in files:
    stem = os.path.splitext(file.parts[-1])[0]
    if domain := affixes.domain_of(stem):
      word = affixes.word(stem, domain)
      assert word
      words[domain].add((word.text, word.is_weak))
      rests[domain].add((*file.parts[:-1], affixes.without_time(word.rest)))
  if not all(words.values()):
    return {}
  n, shared = min(map(len, rests.values())), len(rests['rgb'] & rests['ir'])
  if 2 * shared <= n and any(is_weak for of in words.values() for _, is_weak in of):
    return {}
  texts = [sorted(text for text, _ in words[domain]) for domain in ('rgb', 'ir')]
  rgb, ir = (' or '.join(f"'{text}'" for text in of[:3]) for of in texts)
  known = ' (as in FLIR)' if '_PreviewData' in texts[1] else ''
  return {f'RGB in files with {rgb} in their names, IR in those with {ir}{known}': _word_rule}


def _folder_rule(rgb: str, ir: str, parts: Parts) -> tuple[str, Parts] | None:
  """A folder's name tells the domain, in upper or lower case, at any depth."""
  found = [i for i, part in enumerate(parts[:-1]) if part.lower() in (rgb, ir)]
  if len(found) != 1:  # Neither, or both: the name is not that of a domain here.
    return None
  index = found[0]
  domain = 'rgb' if parts[index].lower() == rgb else 'ir'
  return domain, parts[:index] + parts[index + 1 :]


def _ab_rule(parts: Parts) -> tuple[str, Parts] | None:
  """trainA/x.png is RGB image train/x, trainB/x.png is IR image train/x."""
  for index, part in enumerate(parts[:-1]):
    if match := _AB_FOLDER.fullmatch(part):
      domain = 'rgb' if match[2].lower() == 'a' else 'ir'
      return domain, (*parts[:index], match[1].lower(), *parts[index + 1 :])
  return None


def _word_rule(parts: Parts) -> tuple[str, Parts] | None:
  domain = affixes.domain_of(os.path.splitext(parts[-1])[0])
  return (domain, parts) if domain else None


def explicit(
  source: pathlib.Path, files: Sequence[ImageFile], rgb_dir: str, ir_dir: str
) -> dict[str, FolderRule]:
  """The folders that the user named, directly below the source folder or at any depth."""
  folders = {}
  for domain, name in (('rgb', rgb_dir), ('ir', ir_dir)):
    if not name:
      raise UserError(f'--{domain}_dir is missing: --rgb_dir and --ir_dir go together.')
    folders[domain] = NamedFolder.find(source, files, f'{domain}_dir', name, 'images')
  if folders['rgb'] == folders['ir']:
    raise UserError(f'--rgb_dir and --ir_dir are the same folder: {rgb_dir}.')

  def rule(parts: Parts) -> tuple[str, Parts] | None:
    found = [
      (start + len(folder.names), start, domain)
      for domain, folder in folders.items()
      for start in folder.places(parts)
    ]
    if not found:
      return None
    end, start, domain = max(found)  # Of nested folders the inner one counts.
    return domain, parts[:start] + parts[end:]

  return {f"RGB in '{rgb_dir}', IR in '{ir_dir}', as given": rule}
