"""RoadScene by scenes, so that no test image has a neighbor in training.

  python -m benchmarks.roadscene --source_dir=ROADSCENE --output=DIR

RoadScene's images are frames of a few drives, numbered in order of time; frames of nearby numbers
may show the same street. Here a scene ends where at least --gap numbers are missing, and whole
scenes go to one split: shuffled with a fixed seed, they are dealt to the splits until each has
its share of the images. Writes DIR/{rgb,ir}/SCENE/NAME.jpg, links to the originals, and train.txt,
val.txt and test.txt, which `--dataset=folder --source_dir=DIR` finds (--split_by=list).
"""

import pathlib
import re

from absl import app, flags
import numpy as np

_SOURCE = flags.DEFINE_string(
  'source_dir', None, 'Folder with rgb/ and ir/, equal names.', required=True
)
_OUTPUT = flags.DEFINE_string('output', None, 'A new folder.', required=True)
_TRAIN_PAIRS = flags.DEFINE_integer(
  'train_pairs', None, 'Keep only so many training pairs, drawn at random.', lower_bound=1
)
_GAP = flags.DEFINE_integer('gap', 20, 'Missing numbers that end a scene.', lower_bound=1)

# What the splits get at least, in this order; training has the rest.
_SHARES = {'test': 0.25, 'val': 0.15}
_SEED = 0


def scenes(names: list[str], gap: int) -> list[list[str]]:
  """Groups names like FLIR_00006.jpg by nearby numbers; another prefix starts another group."""

  def place(name):
    word, number = re.fullmatch(r'(.*?)(\d+)\.\w+', name).groups()
    return word, int(number)

  groups, before = [], None
  for name in sorted(names, key=place):
    word, number = place(name)
    if before is None or word != before[0] or number - before[1] > gap:
      groups.append([])
    groups[-1].append(name)
    before = word, number
  return groups


def split(groups: list[list[str]]) -> dict[str, list[list[str]]]:
  """Whole scenes by split."""
  rest = [groups[i] for i in np.random.default_rng(_SEED).permutation(len(groups))]
  total, chosen = sum(map(len, groups)), {}
  for name, share in _SHARES.items():
    chosen[name] = []
    while sum(map(len, chosen[name])) < share * total:
      chosen[name].append(rest.pop())
  return {'train': rest, **chosen}


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  source, output = pathlib.Path(_SOURCE.value).resolve(), pathlib.Path(_OUTPUT.value)
  for part, groups in split(
    scenes([f.name for f in (source / 'ir').iterdir()], _GAP.value)
  ).items():
    ids = []
    for group in groups:
      scene = pathlib.Path(group[0]).stem
      for domain in ('rgb', 'ir'):
        folder = output / domain / scene
        folder.mkdir(parents=True)
        for name in group:
          (folder / name).symlink_to(source / domain / name)
      ids += [f'{scene}/{pathlib.Path(name).stem}' for name in group]
    if part == 'train' and _TRAIN_PAIRS.value:
      # A smaller number draws a part of a larger one's.
      ids = np.random.default_rng(_SEED).permutation(sorted(ids))[: _TRAIN_PAIRS.value].tolist()
    (output / f'{part}.txt').write_text(''.join(f'{i}\n' for i in sorted(ids)))
    n_scenes = len({i.partition('/')[0] for i in ids})
    print(f'{part}: {len(ids)} images of {n_scenes} scenes')


if __name__ == '__main__':
  app.run(main)
