"""Errors class by class of the runs of a comparison, as one CSV file.

  python -m benchmarks.class_errors --comparison=DIR --output=FILE

DIR is the --output of experiments.compare, of data with labels. A row is a class of a run: its
pixels in the test split, its mean absolute error and bias in gray levels, and PSNR and SSIM of the
whole images.
"""

import csv
import json
import pathlib

from absl import app, flags

_COMPARISON = flags.DEFINE_string('comparison', None, 'Folder of a comparison.', required=True)
_OUTPUT = flags.DEFINE_string('output', None, 'The file to write.', required=True)


def rows(folder: pathlib.Path) -> list[dict[str, object]]:
  """Returns the rows of all runs of a comparison, in the order of its plan."""
  plan = json.loads((folder / 'plan.json').read_text())
  found = []
  for label in plan['models']:
    for seed in plan['seeds']:
      run = folder / 'runs' / label / f'seed{seed}'
      metrics = json.loads((run / 'evaluation' / plan['split'] / 'metrics.json').read_text())
      whole = {name: metrics['model'][name] for name in ('psnr', 'ssim')}
      for entry in metrics['classes']['errors']:
        own = {name: entry['model'][name] for name in ('mae', 'bias')}
        place = {'model': label, 'seed': seed, 'class': entry['class']}
        found.append({**place, 'pixels': entry['pixels'], **own, **whole})
  return found


def main(_: list[str]) -> None:
  """Writes the file."""
  found = rows(pathlib.Path(_COMPARISON.value))
  with open(_OUTPUT.value, 'w', newline='') as file:
    writer = csv.DictWriter(file, list(found[0]), lineterminator='\n')
    writer.writeheader()
    writer.writerows(found)


if __name__ == '__main__':
  app.run(main)
