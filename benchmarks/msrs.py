"""Pairs of MSRS as one data set of days and nights: 16 to train, 4 to validate, the others to test.

  python -m benchmarks.msrs --source_dir=MSRS --output=DIR

Of each split, the share of nights is about that of all pairs. Writes DIR/{rgb,ir}/NAME, links to
the originals, and train.txt, val.txt and test.txt, which `--dataset=folder --source_dir=DIR` finds.
"""

import pathlib

from absl import app, flags
import numpy as np

_SOURCE = flags.DEFINE_string(
  'source_dir', None, 'Folder with vi/ and ir/, equal names.', required=True
)
_OUTPUT = flags.DEFINE_string('output', None, 'A new folder.', required=True)

_SIZES = {'train': 16, 'val': 4}
_SEED = 0


def split(names: list[str]) -> dict[str, list[str]]:
  """Names by split. Names of days end in D, those of nights in N."""
  drawn = np.random.default_rng(_SEED).permutation(sorted(names)).tolist()
  groups = [[name for name in drawn if name[-1] == letter] for letter in 'DN']
  # Each at its place within its kind, so that every stretch has both in proportion.
  places = [((i + 0.5) / len(group), name) for group in groups for i, name in enumerate(group)]
  mixed = [name for _, name in sorted(places)]
  ends = np.cumsum([0, *_SIZES.values(), len(mixed)])
  return {part: mixed[a:b] for part, a, b in zip([*_SIZES, 'test'], ends, ends[1:])}


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  source, output = pathlib.Path(_SOURCE.value).resolve(), pathlib.Path(_OUTPUT.value)
  for domain, folder in (('rgb', 'vi'), ('ir', 'ir')):
    (output / domain).mkdir(parents=True)
    for image in sorted((source / folder).iterdir()):
      (output / domain / image.name).symlink_to(image)
  parts = split([image.stem for image in (source / 'ir').iterdir()])
  for part, names in parts.items():
    (output / f'{part}.txt').write_text(''.join(f'{name}\n' for name in sorted(names)))
    print(f'{part}: {len(names)} pairs, {sum(name[-1] == "N" for name in names)} of them by night')


if __name__ == '__main__':
  app.run(main)
