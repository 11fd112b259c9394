"""How far the check of pairs can be trusted: what it finds of made-up faults, and what wrongly.

  python -m benchmarks.pair_check --roadscene=ROADSCENE --msrs=MSRS

ROADSCENE and MSRS are folders of aligned pairs; without them, rendered scenes are measured alone.
One line for each figure of docs/how-to/own-data.md.
"""

import argparse
from collections.abc import Callable, Iterable
import pathlib

import numpy as np

from cyclegan_jax.image_files import images
from cyclegan_jax.pairs import byte_order, check, polarity
from datasets.folder import layouts
from datasets.synthetic import layout, render

_SCENES = 40
_DRAWS = 20
# Gray level 0 in counts, and counts for each gray level, as cameras store them.
_COUNTS = ((0, 257), (12000, 37), (29000, 20), (29000, 8), (7000, 3))

Pairs = list[tuple[np.ndarray, np.ndarray]]


def folder(path: str) -> Pairs:
  found = layouts.find_layout(pathlib.Path(path), '', '')
  shared = sorted(found.rgb.keys() & found.ir.keys())
  read = lambda file, domain, channels: images.for_domain(
    images.read_image(file.path), domain, channels, file.path
  )
  return [(read(found.rgb[i], 'rgb', 3), read(found.ir[i], 'ir', 1)) for i in shared]


def scenes() -> Pairs:
  drawn = (render.render(layout.random_scene(0, s), 0, s, 0, 120, 160) for s in range(_SCENES))
  return [(scene.rgb, scene.ir) for scene in drawn]


def flagged(pairs: Iterable[tuple[np.ndarray, np.ndarray]], flag: str = '') -> int:
  """How many pairs have a flag, or any flag."""
  found = (check.check_pair(rgb, ir).flags for rgb, ir in pairs)
  return sum(flag in flags if flag else bool(flags) for flags in found)


def strangers(pairs: Pairs) -> Pairs:
  """Each RGB image with two IR images of other pairs, of its size."""
  n = len(pairs)
  return [
    (rgb, images.resize(pairs[(i + step) % n][1], rgb.shape[:2]))
    for i, (rgb, _) in enumerate(pairs)
    for step in (n // 5, n // 2)
  ]


def moved(pairs: Pairs, rng: np.random.Generator) -> list[float]:
  """Errors in pixels of shifts, against what the pair had before.

  Each is up to 20 pixels, or a twentieth of the longer side if that is less, along each axis.
  """
  errors = []
  for rgb, ir in pairs:
    height, width = rgb.shape[:2]
    most = min(20, max(height, width) // 20)
    x, y = (int(value) for value in rng.integers(-most, most + 1, 2))
    inner = rgb[most : height - most, most : width - most]
    same, other = (
      check.check_pair(inner, ir[most + dy :, most + dx :][: inner.shape[0], : inner.shape[1]])
      for dx, dy in ((0, 0), (x, y))
    )
    if same.shift and other.shift and 'misaligned' not in same.flags:
      errors.append(np.hypot(other.shift.x - same.shift.x - x, other.shift.y - same.shift.y - y))
  return errors


def counts(ir: np.ndarray, low: int, gain: int, rng: np.random.Generator) -> np.ndarray:
  """Gray levels as 16-bit counts, with noise of half a level."""
  noisy = low + gain * (ir + rng.normal(0, 0.5, ir.shape))
  return np.rint(np.clip(noisy, 0, 65535)).astype(np.uint16)


def say(name: str, text: str) -> None:
  print(f'{name:<10} {text}', flush=True)


def measure(name: str, pairs: Pairs) -> None:
  rng = np.random.default_rng(0)
  n = len(pairs)
  say(name, f'{n} pairs, {n - flagged(pairs)} without a flag')
  errors = np.array(moved(pairs, rng))
  if errors.size:
    say(name, f'shifts: {np.mean(errors <= 1):.1%} of {len(errors)} within a pixel')
  turned = [(rgb, np.ascontiguousarray(ir[::-1, ::-1])) for rgb, ir in pairs]
  others = strangers(pairs)
  say(name, f'turned by 180: {flagged(turned, "rotated")} of {n} found')
  say(
    name,
    f'{len(others)} strangers: {flagged(others, "rotated")} rotated, '
    f'{flagged(others, "misaligned")} misaligned',
  )
  for low, gain in _COUNTS:
    deep = [counts(ir, low, gain, rng) for _, ir in pairs]
    found = sum(byte_order.is_swapped(image.byteswap()) for image in deep)
    wrong = sum(map(byte_order.is_swapped, deep))
    say(name, f'swapped bytes, {gain} counts a level: {found} of {n} found, {wrong} right ones')
  relations = [polarity.relation(rgb, ir) for rgb, ir in pairs]
  say(name, f'inverted: {len(polarity.inverted(relations))} of {n} as they are')
  for size in (n, 20):
    for share in (0.1, 0.3):
      say(name, of_inverted(relations, size, share, rng.choice))


def of_inverted(
  relations: list[polarity.Relation | None], size: int, share: float, choice: Callable
) -> str:
  """What is found of a share of inverted pairs, in sets drawn at random."""
  found = wrong = 0
  for _ in range(_DRAWS):
    drawn = [relations[i] for i in choice(len(relations), size, replace=False)]
    chosen = set(choice(size, round(share * size), replace=False).tolist())
    mixed = [
      one and (one._replace(moment=-one.moment) if i in chosen else one)
      for i, one in enumerate(drawn)
    ]
    said = polarity.inverted(mixed).keys()
    found, wrong = found + len(said & chosen), wrong + len(said - chosen)
  total = _DRAWS * round(share * size)
  return f'inverted, {share:.0%} of {size} pairs: {found / total:.0%} found, {wrong} others'


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--roadscene', default='')
  parser.add_argument('--msrs', default='')
  given = parser.parse_args()
  measure('scenes', scenes())
  for name in ('msrs', 'roadscene'):
    if path := getattr(given, name):
      measure(name, folder(path))


if __name__ == '__main__':
  main()
