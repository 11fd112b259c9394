"""Sentences on what a user's folder holds and is not used as one might expect."""

from collections.abc import Iterator, Mapping, Sequence

from cyclegan_jax.image_files import walk
from datasets import storing
from datasets.folder import splits
from datasets.folder.layouts import ImageFile, Layout

_MAX_NAMED = 3
# Labels, lists, and explanations lie beside images, and nobody takes them for images.
_TEXTS = frozenset(('.csv', '.json', '.md', '.txt', '.xml', '.yaml', '.yml'))

# Suffix of the splits -> id -> domain -> file: either the pairs or the two collections.
Groups = Mapping[str, Mapping[str, Mapping[str, ImageFile]]]


def left_out(layout: Layout) -> Iterator[str]:
  """Yields sentences on files that are not read and on those that lose their partners by it."""
  domains = {'rgb': layout.rgb, 'ir': layout.ir}
  for domain in (*domains, ''):
    unread = [(id_, kind) for of, id_, kind in layout.unread if of == domain and kind not in _TEXTS]
    if not unread:
      continue
    counted = walk.described(walk.by_kind(f'x{kind}' for _, kind in unread))
    text = f'Left out{" in " * bool(domain)}{domain}: {counted}'
    if lost := len({id_ for id_, _ in unread} & _lonely(layout, domain).keys()):
      partners = 'their partner' if lost == 1 else f'their {lost} partners'
      text += f'; {partners} in {_other(domain)} {"goes" if lost == 1 else "go"} with them'
    yield f'{text}.'
  if layout.passed_over:
    yield (
      f'Folders of the system are passed over: {storing.some(layout.passed_over, _MAX_NAMED)}.'
    )


def lost_partners(layout: Layout) -> set[str]:
  """Returns the relative paths of images whose partners are not read."""
  lonely = {domain: _lonely(layout, domain) for domain in ('rgb', 'ir', '')}
  return {
    lonely[domain][id_].relative
    for domain, id_, kind in layout.unread
    if kind not in _TEXTS and id_ in lonely[domain]
  }


def _lonely(layout: Layout, domain: str) -> dict[str, ImageFile]:
  """The images of the other domain that have no partner in this one."""
  own, other = {'rgb': (layout.rgb, layout.ir), 'ir': (layout.ir, layout.rgb)}.get(domain, ({}, {}))
  return {id_: file for id_, file in other.items() if id_ not in own}


def _other(domain: str) -> str:
  return {'rgb': 'ir', 'ir': 'rgb'}[domain]


def unused(
  layout: Layout,
  unmatched: Sequence[str],
  groups: Groups,
  chosen: Sequence[Mapping[str, str]],
  excluded: int,
  hint: bool,
) -> Iterator[str]:
  """Yields sentences on everything in the folder that is not used as you might expect.

  With `hint`, one of them points to --split_by=sequence if the folder may hold videos.
  """
  yield from layout.notes
  yield from left_out(layout)
  explained = lost_partners(layout)
  if alone := [path for path in unmatched if path not in explained]:
    named = storing.some(alone, _MAX_NAMED)
    yield f'{len(alone)} images have no partner and are left out: {named}.'
  if len(groups) > 1:
    rgb, ir = map(len, groups.values())
    yield f'RGB and IR are read as two collections of {rgb} and {ir} images, not as pairs.'
  if layout.ignored:
    yield f'{layout.ignored} other images belong to neither domain and are ignored.'
  total = sum(map(len, groups.values()))
  if excluded:
    yield f'{excluded} flagged pairs are left out (--exclude).'
  if unlisted := total - excluded - sum(map(len, chosen)):
    yield f'{unlisted} of {total} examples are in none of the lists and are left out.'
  sequences = {splits.sequence_of(id_) for group in chosen for id_ in group}
  if hint and len(sequences) >= splits.MIN_SEQUENCES:
    yield (
      f'There are {len(sequences)} sub-folders; if they are video sequences, '
      '--split_by=sequence keeps neighboring frames out of different splits.'
    )
