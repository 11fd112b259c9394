"""What downstream.json says, in tables and sentences."""

from collections.abc import Mapping
from typing import Any

from cyclegan_jax.downstream.conditions import GENERATED, LUMINANCE, REAL
from cyclegan_jax.settings import format_value


def rows(content: Mapping[str, Any]) -> list[list[str]]:
  """Returns a row for each condition, header first: mean IoU, its interval, accuracy, each class.

  All are percent, means over seeds; the standard deviation is over seeds.
  """
  found = content['results']
  classes = list(found[REAL]['iou'])
  header = ['learned from', 'images', 'mean IoU', '95 % over images', 'of real', 'pixels right']
  ceiling = found[REAL]['mean_iou']['mean']
  return [[*header, *classes]] + [
    [
      row['title'],
      str(row['n_train'][0]),
      spread(row['mean_iou']),
      interval(row['interval']),
      f'{100 * row["mean_iou"]["mean"] / ceiling:.0f}' if ceiling else '-',
      percent(row['pixel_accuracy']['mean']),
      *(percent(row['iou'][name]['mean']) for name in classes),
    ]
    for row in found.values()
  ]


def comparisons(content: Mapping[str, Any]) -> list[list[str]]:
  """Returns the differences in mean IoU between conditions, in points, header first."""
  titles = {name: row['title'] for name, row in content['results'].items()}
  header = ['comparison', 'difference', '95 % over images', 'better in', 'p', 'p, Holm']
  return [header] + [
    [
      f'{titles[one["first"]]} - {titles[one["second"]]}',
      percent(one['difference'], '+'),
      interval(one['interval'], '+'),
      f'{sum(value > 0 for value in one["by_seed"])} of {len(one["by_seed"])}',
      *('-' if one[p] is None else f'{one[p]:.3g}' for p in ('p', 'p_holm')),
    ]
    for one in content['comparisons']
  ]


def sentences(content: Mapping[str, Any]) -> list[str]:
  """Returns what the figures answer: substitute, better than gray, of help beside few real ones."""
  found = content['results']
  real, generated, gray = (found[name]['mean_iou'] for name in (REAL, GENERATED, LUMINANCE))
  texts = []
  if real['mean']:
    texts.append(
      f'Learning from generated IR reaches {100 * generated["mean"] / real["mean"]:.0f} % of the '
      f'mean IoU that real IR gives ({percent(generated["mean"])} of {percent(real["mean"])}); '
      f'plain luminance reaches {100 * gray["mean"] / real["mean"]:.0f} %.'
    )
  better = [a > b for a, b in zip(generated['by_seed'], gray['by_seed'])]
  texts.append(f'Generated IR is better than luminance in {sum(better)} of {len(better)} seeds.')
  for one in content['comparisons']:
    if one['first'] == f'{one["second"]}_generated':
      few, more = (found[one[name]] for name in ('second', 'first'))
      texts.append(
        f'With {few["n_train"][0]} real IR images, generated IR of the others changes mean IoU by '
        f'{percent(one["difference"], "+")} points, to {percent(more["mean_iou"]["mean"])}.'
      )
  if absent := content['absent_classes']:
    texts.append(f'Not in the test images, so left out: {", ".join(absent)}.')
  return texts


def protocol(content: Mapping[str, Any]) -> str:
  """Returns one line on what was done."""
  size, instrument = format_value(tuple(content['image_size'])), content['instrument']
  return (
    f'{content["n"]} test images at {size} in {content["n_sequences"]} sequences; '
    f'seeds: {content["seeds"]}; {instrument["steps"]} steps of {instrument["batch_size"]} images '
    f'each; checkpoint at step {content["checkpoint_step"]}.'
  )


def csv_rows(content: Mapping[str, Any]) -> list[list[Any]]:
  """Returns a header, and a row for each condition and seed."""
  classes = list(content['results'][REAL]['iou'])
  scores = ('mean_iou', 'pixel_accuracy', 'class_accuracy')
  rows: list[list[Any]] = [
    ['condition', 'seed', 'n_train', *scores, *(f'iou_{name}' for name in classes)]
  ]
  for name, row in content['results'].items():
    spreads = [*(row[score] for score in scores), *(row['iou'][name] for name in classes)]
    for seed, n_train in enumerate(row['n_train']):
      rows.append([name, seed, n_train, *(f'{found["by_seed"][seed]:.6g}' for found in spreads)])
  return rows


def percent(value: float, sign: str = '') -> str:
  """Returns a share as percent with one digit after the point."""
  return f'{100 * value:{sign}.1f}'


def spread(found: Mapping[str, Any]) -> str:
  """Returns mean ± standard deviation, in percent."""
  sd = '' if found['sd'] is None else f' ± {percent(found["sd"])}'
  return percent(found['mean']) + sd


def interval(found: Mapping[str, Any], sign: str = '') -> str:
  """Returns the ends of an interval, in percent, or -."""
  if found['low'] is None:
    return '-'
  return ' to '.join(percent(found[end], sign) for end in ('low', 'high'))
