"""Pairs whose names are not equal but differ in a way that leaves no choice.

Words for the domain, zeros before numbers, a second extension, and the seconds in names that drones
give are looked through. Nothing is ever paired by its place in a list.
"""

from collections.abc import Callable, Mapping
import dataclasses
from typing import NamedTuple

from datasets.folder import affixes
from datasets.folder.layouts import Layout

_Key = Callable[[str, str], str]  # Of an id and its domain.


class _Way(NamedTuple):
  """A way to look at ids: those with the same `key` are pairs, which get the longest `name`."""

  name: _Key
  key: _Key


def _as_is(id_: str, domain: str) -> str:
  del domain
  return id_


def _without_zeros(id_: str, domain: str) -> str:
  del domain
  return affixes.without_zeros(id_)


def _without_both(id_: str, domain: str) -> str:
  return affixes.without_zeros(affixes.without_word(id_, domain))


_BY_WORDS = _Way(affixes.without_word, affixes.without_word)
_BY_NUMBERS = (_Way(_as_is, _without_zeros), _Way(affixes.without_word, _without_both))

# Domain -> id -> the id that partners share.
_Renamed = Mapping[str, Mapping[str, str]]


def paired_up(layout: Layout, paired: bool) -> Layout:
  """Gives the images that are pairs the same id, if more of them are pairs than by equal names.

  Args:
    layout: the images by the ids that their names give.
    paired: pairs are needed. Otherwise numbers alone, with and without zeros, are no reason to take
      images for pairs.
  """
  most, best, chosen = len(layout.rgb.keys() & layout.ir.keys()), None, None
  if most == len(layout.rgb) == len(layout.ir):
    return layout
  for way in (_BY_WORDS, _by_shots, *(_BY_NUMBERS if paired else ())):
    renamed = _renamed(layout, way) if isinstance(way, _Way) else way(layout)
    if renamed and (shared := _shared(renamed)) > most:
      most, best, chosen = shared, renamed, way
  if best is None:
    return layout
  unread = layout.unread
  if isinstance(chosen, _Way):
    known = {chosen.key(new, d): new for d, of in best.items() for new in of.values()}
    unread = tuple(
      (domain, known.get(key := chosen.key(id_, domain), key), kind)
      for domain, id_, kind in layout.unread
    )
  rgb, ir = (
    {best[domain][id_]: file for id_, file in of.items()}
    for domain, of in (('rgb', layout.rgb), ('ir', layout.ir))
  )
  first = min(rgb.keys() & ir.keys())
  note = f'Names are taken for pairs like {rgb[first].relative} and {ir[first].relative}.'
  return dataclasses.replace(layout, rgb=rgb, ir=ir, unread=unread, notes=(*layout.notes, note))


def _renamed(layout: Layout, way: _Way) -> _Renamed | None:
  """What the ids become; None if two of a domain would become one."""
  ids = {'rgb': layout.rgb, 'ir': layout.ir}
  keys = {domain: {id_: way.key(id_, domain) for id_ in of} for domain, of in ids.items()}
  if any(len(set(of.values())) < len(of) for of in keys.values()):
    return None
  longest: dict[str, str] = {}
  for domain, of in keys.items():
    for id_, key in of.items():
      longest[key] = max(longest.get(key, ''), way.name(id_, domain), key=len)
  return {domain: {id_: longest[key] for id_, key in of.items()} for domain, of in keys.items()}


def _by_shots(layout: Layout) -> _Renamed | None:
  """Names that a drone gave, without the word for the domain."""
  if (words := _renamed(layout, _BY_WORDS)) is None:
    return None
  shared = affixes.shots({domain: list(of.values()) for domain, of in words.items()})
  if shared is None:
    return None
  return {
    domain: {id_: shared[domain][name] for id_, name in of.items()} for domain, of in words.items()
  }


def _shared(renamed: _Renamed) -> int:
  return len(set(renamed['rgb'].values()) & set(renamed['ir'].values()))
