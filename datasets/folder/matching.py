"""Which images of a folder are pairs: those of equal names, unless much speaks against it."""

from collections.abc import Iterator
import pathlib

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images, reading
from datasets import storing
from datasets.folder import layouts, notes, sizes, suggestions

_MAX_NAMED = 3


def match(
  source: pathlib.Path, layout: layouts.Layout, paired: bool
) -> tuple[bool, list[str], str]:
  """Decides whether images of equal names are pairs.

  Args:
    source: the source folder.
    layout: its images.
    paired: whether pairs are needed.

  Returns:
    Whether they are, the files without a partner, and a sentence about it or ''.

  Raises:
    UserError: pairs are needed, and more than half of the images have none.
  """
  rgb, ir = layout.rgb, layout.ir
  shared = sorted(rgb.keys() & ir.keys())
  alone = [by_id[id_].relative for by_id in (rgb, ir) for id_ in sorted(by_id.keys() - shared)]
  enough = len(alone) <= 2 * len(shared)  # at most half of all files
  if paired and not enough:
    problem = (
      f'{len(alone)} of {len(rgb) + len(ir)} images, more than half, have no partner of the same '
      f'name in the other domain, such as {storing.some(alone, _MAX_NAMED)}'
    )
    if not shared:
      problem = (
        f'no matching stems: {layout.description}, but no RGB image has the name of an IR image, '
        f'such as {min(rgb)!r} and {min(ir)!r}'
      )
    raise UserError(f'{source}: {problem}. {_ways_on(layout)}')
  if paired:
    return True, alone, ''
  if not enough:
    return False, [], ''
  # Unrelated images may both be called 0001, but then differ in size.
  unequal = [id_ for id_ in shared if not _equal_in_size(rgb[id_].path, ir[id_].path)]
  if not unequal:
    return True, alone, ''
  return (
    False,
    [],
    f'{len(unequal)} of {len(shared)} images with a partner of the same name differ from it in '
    f'size ({storing.some(unequal, _MAX_NAMED)}), so names are not taken for pairs. If they are '
    'pairs, register or crop these, or move them away: pairs then serve validation and test.',
  )


def _ways_on(layout: layouts.Layout) -> str:
  """What may help if names do not match: flags that do pair them, first of all."""
  named = {'rgb': layouts.without_domain(layout.rgb), 'ir': layouts.without_domain(layout.ir)}
  unread = ' '.join(notes.left_out(layout))
  files = (*layout.rgb.values(), *layout.ir.values())
  in_one_folder = {file.parts for file in files} == {*named['rgb'], *named['ir']}
  if found := suggestions.for_domains(named, in_one_folder):
    rgb, ir = (min(of.values(), key=lambda file: file.parts) for of in (layout.rgb, layout.ir))
    ways = f'The first names are {rgb.relative} and {ir.relative}: {found} Otherwise rename'
  else:
    ways = 'Mark what the two files of a pair share with --rgb_pattern and --ir_pattern, rename'
  ways += ' the files of a pair alike, or train without pairs (--nopaired).'
  return f'{unread} {ways}' if unread else ways


def _equal_in_size(*paths: str) -> bool:
  """Compares headers; what cannot be read is named when the data are prepared."""
  try:
    return sizes.common(*(reading.header(path)[:2] for path in paths)) is not None
  except images.ImageError:
    return True


def taken_for_pairs(chosen: dict[str, str]) -> Iterator[str]:
  """Yields what validation and test compare although no pairs were asked for."""
  n = sum(split != 'train' for split in chosen.values())
  if n:
    yield (
      f'{n} pairs by equal names serve validation and test; --pairs=none if they are strangers.'
    )
