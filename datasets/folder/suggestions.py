"""Flags that pair images whose names do not match, tried before they are suggested."""

import collections
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
import itertools
import os
import re
import shlex

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from datasets.folder import affixes, patterns as pattern_lib
from datasets.folder.patterns import Pattern
from datasets.folder.scan import ImageFile, Parts

# So many files of each kind are looked at for color.
_LOOKED_AT = 4

# Path of an image without the domain's folder.
_Named = Mapping[str, Sequence[Parts]]


def for_domains(named: _Named, in_one_folder: bool) -> str:
  """Returns flags that pair the images of two domains.

  Args:
    named: domain -> the paths of its images without the folder of the domain.
    in_one_folder: no folder tells the domain, so that the patterns have to.

  Returns:
    The flags and what they pair; '' if there are none.
  """
  everything = [named]
  if in_one_folder:  # Drones have a wide and a zoomed photograph of a scene.
    kinds = collections.defaultdict(list)
    for parts in named['rgb']:
      kinds[_last_word(parts[-1])].append(parts)
    everything += [{**named, 'rgb': of} for _, of in sorted(kinds.items())]
  for some in everything:
    for patterns in _candidates(some):
      if text := _tried(patterns, some, in_one_folder):
        return text
  return ''


def for_one_folder(files: Sequence[ImageFile]) -> str:
  """Returns flags that tell two kinds of names in one folder apart and pair them; '' if none do."""
  for kind_of in (_skeleton, _last_word, _extensions):
    kinds = collections.defaultdict(list)
    for file in files:
      kinds[kind_of(file.parts[-1])].append(file)
    if len(kinds) != 2:
      continue
    rgb, ir, sure = _in_order(*(kinds[kind] for kind in sorted(kinds)))
    named = {'rgb': [f.parts for f in rgb], 'ir': [f.parts for f in ir]}
    for patterns in _candidates(named):
      if text := _tried(patterns, named, in_one_folder=True):
        names = f'Names are of two kinds, like {rgb[0].relative} and {ir[0].relative}: {text}'
        return names if sure else f'{names} Exchange the two if the second kind is RGB.'
  return ''


def _tried(patterns: dict[str, Pattern], named: _Named, in_one_folder: bool) -> str:
  """The flags, if they pair more than half of all images and leave no choice; else ''."""
  ids = {'rgb': [], 'ir': []}
  for domain, of in named.items():
    for parts in of:
      try:
        found = pattern_lib.told(patterns, parts) if in_one_folder else None
      except UserError:
        return ''
      place = found or (domain, patterns[domain].id(parts))
      if place[1]:
        ids[place[0]].append(place[1])
  total = sum(map(len, named.values()))
  shared = len(set(ids['rgb']) & set(ids['ir']))
  if 4 * shared <= total or any(len(set(of)) < len(of) for of in ids.values()):
    return ''
  flags = ' '.join(f'--{domain}_pattern={shlex.quote(p.text)}' for domain, p in patterns.items())
  return f'{flags} makes {shared} pairs of {total} images, if these belong together.'


def _candidates(named: _Named) -> Iterator[dict[str, Pattern]]:
  """Yields patterns made of what all names of a domain have in common."""
  whole = {domain: [parts[-1] for parts in of] for domain, of in named.items()}
  stems = {domain: [os.path.splitext(name)[0] for name in of] for domain, of in whole.items()}
  timeless = {domain: [affixes.without_time(name) for name in of] for domain, of in stems.items()}
  for names in (stems, whole, timeless):
    common = {domain: _common(of) for domain, of in names.items()}
    yield from _parsed({domain: f'{start}*{end}' for domain, (start, end) in common.items()})
  yield from _parsed(
    {
      domain: rf'^{re.escape(start)}0*(\d+){re.escape(end)}\.'
      for domain, (start, end) in ((domain, _common(of)) for domain, of in stems.items())
    }
  )


def _parsed(texts: dict[str, str]) -> Iterator[dict[str, Pattern]]:
  try:
    yield pattern_lib.parse(texts['rgb'], texts['ir'])
  except UserError:
    return  # A name with a star.


def _common(names: Sequence[str]) -> tuple[str, str]:
  """What all names begin and end with, without the digits next to what differs."""
  start = re.sub(r'\d+\Z', '', _prefix(names))
  if len(set(names)) == 1:  # Then what differs is its last number.
    start = re.sub(r'\d+\D*\Z', '', names[0])
  rests = [name[len(start) :] for name in names]
  end = _prefix([rest[::-1] for rest in rests])[::-1]
  end = re.sub(r'\A\d+', '', end)
  return start, '' if end in rests else end


def _prefix(names: Sequence[str]) -> str:
  first, last = min(names), max(names)
  same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last))
  return ''.join(letter for letter, _ in same)


def _skeleton(name: str) -> str:
  return re.sub(r'\d+', '#', os.path.splitext(name)[0])


def _last_word(name: str) -> str:
  return re.split(r'[_\-. ]', os.path.splitext(name)[0])[-1]


def _extensions(name: str) -> str:
  return '.'.join(name.split('.')[1:])


def _in_order(
  one: Sequence[ImageFile], other: Sequence[ImageFile]
) -> tuple[Sequence[ImageFile], Sequence[ImageFile], bool]:
  """The kind that is in color first, and whether only one of them is."""
  gray = [_all(images.is_gray, files) for files in (one, other)]
  if gray == [True, False]:
    return other, one, True
  return one, other, gray == [False, True]


def _all(test: Callable, files: Iterable[ImageFile]) -> bool:
  chosen = list(files)
  chosen = chosen[:: max(1, len(chosen) // _LOOKED_AT)][:_LOOKED_AT]
  try:
    return all(test(images.read_image(file.path)) for file in chosen)
  except images.ImageError:
    return False
