"""What names of files say: the words for a domain in them, numbers, and the stamps of drones."""

from collections.abc import Mapping
import datetime
import os
import re
from typing import NamedTuple

from cyclegan_jax.image_files import images

# Words for a domain, anywhere in a name; those that are so only at its end; and what may follow.
_WORDS = {
  'rgb': 'rgb|visible|visual|vis|vi|colou?r|optical',
  'ir': 'previewdata|thermal|infrared|lwir|tir|ir',
}
_END_WORDS = {'rgb': 'co|v|w|z', 'ir': 't|i'}
_FOLLOWING = 'aligned|registered|reg|warped|rectified|cropped|crop|gr[ae]y|8bit|16bit|image|img'
_DOMAINS = ('rgb', 'ir')

_END = {
  domain: re.compile(
    rf'(?i)(?<=.)(?:[_\-. ]|(?<=\d))(?:{_WORDS[domain]}|(?P<weak>{_END_WORDS[domain]}))'
    rf'(?:[_\-. ](?:{_FOLLOWING}))*\Z'
  )
  for domain in _DOMAINS
}
_INSIDE = {
  domain: re.compile(
    rf'(?i)(?:\A|(?<=[_\-. ]))(?:{_WORDS[domain]})(?:[_\-. ](?:{_FOLLOWING}))*'
    r'(?:[_\-. ]|(?=\d))(?=.)'
  )
  for domain in _DOMAINS
}
_DRONE = re.compile(r'(?i)\A(?P<rest>.*?)(?P<time>20\d{12})_(?P<number>\d+)\Z')
# Seconds between the two files of one shot at the most; the next shot has another number.
_SAME_SHOT = 5


class Word(NamedTuple):
  """A word for a domain in a name, and the name without it."""

  text: str  # with its separators: '_RGB', 'ir_aligned_'
  rest: str
  is_weak: bool  # a letter or two, which may as well mean something else


def word(stem: str, domain: str) -> Word | None:
  """Returns the word for a domain in a name without extension, at its end if there is one."""
  match = _END[domain].search(stem) or _INSIDE[domain].search(stem)
  if not match:
    return None
  is_weak = bool(match.groupdict().get('weak'))
  return Word(match[0], stem[: match.start()] + stem[match.end() :], is_weak)


def domain_of(stem: str) -> str:
  """Returns the domain that a name without extension tells; '' if it tells none, or both."""
  for pattern in (_END, _INSIDE):
    told = [domain for domain in _DOMAINS if pattern[domain].search(stem)]
    if told:
      return told[0] if len(told) == 1 else ''
  return ''


def without_word(name: str, domain: str) -> str:
  """Returns the id of a file without a second extension and the word for its domain."""
  folder, slash, stem = name.rpartition('/')
  while (parts := os.path.splitext(stem))[1].lower() in images.EXTENSIONS:
    stem = parts[0]
  found = word(stem, domain)
  return f'{folder}{slash}{found.rest if found else stem}'


def without_time(name: str) -> str:
  """Returns a name with a ? for each digit of the stamps that drones put into names."""
  return re.sub(r'20\d{12}', '?' * 14, name)


def without_zeros(name: str) -> str:
  """Returns a name whose numbers have no leading zeros, so that 0001 is 1, and 0010 is 10."""
  folder, slash, stem = name.rpartition('/')
  return folder + slash + re.sub(r'\d+', lambda digits: digits[0].lstrip('0') or '0', stem)


class _Shot(NamedTuple):
  """What a drone puts into a name: the number of the shot, and when the file was written."""

  number: str  # with its folder
  time: datetime.datetime


def shots(names: Mapping[str, list[str]]) -> dict[str, dict[str, str]] | None:
  """Pairs the names that a drone gave to the two files of a shot, whose times differ a little.

  Args:
    names: domain -> ids without the word for the domain.

  Returns:
    Domain -> id -> an id that both files of a shot share. None if other names are among them, or
    numbers and times leave a choice.
  """
  found = {domain: {name: _shot(name) for name in names[domain]} for domain in names}
  if not all(shot for of in found.values() for shot in of.values()):
    return None
  by_number: dict[str, list[tuple[str, datetime.datetime]]] = {}
  for name, shot in found['rgb'].items():
    assert shot
    by_number.setdefault(shot.number, []).append((name, shot.time))
  shared = {name: name for name in found['rgb']}
  of_ir: dict[str, str] = {}
  for name, shot in found['ir'].items():
    assert shot
    near = [
      other
      for other, time in by_number.get(shot.number, ())
      if abs((time - shot.time).total_seconds()) <= _SAME_SHOT
    ]
    if len(near) > 1:
      return None
    of_ir[name] = near[0] if near else name
  if len(set(of_ir.values())) < len(of_ir):
    return None
  return {'rgb': shared, 'ir': of_ir}


def _shot(name: str) -> _Shot | None:
  folder, _, stem = name.rpartition('/')
  match = _DRONE.match(stem)
  if not match:
    return None
  try:
    time = datetime.datetime.strptime(match['time'], '%Y%m%d%H%M%S')
  except ValueError:
    return None
  return _Shot(f'{folder}/{match["rest"]}{match["number"]}', time)
