"""The content of downstream.json and per_image.csv: figures, intervals, differences."""

from collections.abc import Mapping, Sequence
import csv
import dataclasses
import hashlib
import pathlib
from typing import Any

import numpy as np

from cyclegan_jax import checksum, provenance
from cyclegan_jax.downstream import conditions as conditions_lib, scoring
from cyclegan_jax.downstream.conditions import GENERATED, LUMINANCE, REAL
from cyclegan_jax.downstream.study import FCN, Studied
from cyclegan_jax.errors import UserError
from cyclegan_jax.evaluation.evaluate import TrainedModel
from cyclegan_jax.metrics import statistics
from cyclegan_jax.settings import flatten

JSON, PER_IMAGE = 'downstream.json', 'per_image.csv'
DEFINITIONS = {
  'IoU': 'intersection over union of predicted and true pixels of a class, counted over all test '
  'images together',
  'mean IoU': 'the mean over the classes that the test images have',
  'FCN': 'the network that has learned from real IR judges other images (Isola et al. 2017)',
  'interval': '95 % over images, BCa bootstrap that draws whole sequences, of the mean IoU '
  'linearized for each image and averaged over seeds',
  'p': 'two-sided sign-flip test over seeds of the instrument; Holm: corrected for the number of '
  'comparisons',
}
# Entries of downstream.json that its readers rely on.
_ENTRIES = (
  *('results', 'comparisons', 'class_names', 'absent_classes', 'n', 'n_sequences'),
  *('split_sha256', 'image_size', 'seeds', 'few', 'instrument', 'checkpoint', 'checkpoint_step'),
  *('trained_steps', 'preset', 'seed', 'settings', 'definitions', 'versions', 'commit'),
)
_FCN_TITLES = {
  GENERATED: 'real IR, judging generated IR (FCN score)',
  LUMINANCE: 'real IR, judging luminance (FCN score)',
}


def result(studied: Studied, model: TrainedModel) -> dict[str, Any]:
  """Returns the content of downstream.json."""
  plan, names = studied.plan, list(studied.class_names)
  counts = _counts(studied)
  titles = {condition.name: condition.title for condition in plan.conditions}
  titles |= {FCN + name: title for name, title in _FCN_TITLES.items()}
  present = ~np.isnan(scoring.iou(counts[REAL][0]))
  rows = {
    name: {
      'title': titles[name],
      'n_train': [outcome.n_train for outcome in studied.outcomes[_trained_as(name)]],
      'mean_iou': _spread([scoring.mean_iou(own) for own in seeds]),
      'interval': _interval(_contributions(seeds), studied),
      'pixel_accuracy': _spread([scoring.pixel_accuracy(own) for own in seeds]),
      'class_accuracy': _spread([scoring.class_accuracy(own) for own in seeds]),
      'iou': {
        name: _spread(values)
        for name, there, values in zip(names, present, _by_class(seeds))
        if there
      },
    }
    for name, seeds in counts.items()
  }
  ids, config = studied.test.ids, model.config
  return {
    'results': rows,
    'comparisons': _compared(studied, counts),
    'class_names': names,
    'absent_classes': [name for name, there in zip(names, present) if not there],
    'split': 'test',
    'n': len(ids),
    'n_sequences': len(set(clusters(studied))),
    'split_sha256': hashlib.sha256('\n'.join(sorted(ids)).encode()).hexdigest(),
    'image_size': list(config.data.image_size),
    'seeds': plan.seeds,
    'few': list(plan.few),
    'instrument': dataclasses.asdict(plan.recipe),
    'checkpoint_step': model.step,
    'preset': config.train.preset,
    'seed': config.train.seed,
    'settings': flatten(config),
    'definitions': DEFINITIONS,
    'versions': provenance.versions(),
    'commit': provenance.commit(),
  }


def per_image(studied: Studied) -> dict[str, np.ndarray]:
  """Returns a value for each row and test image, [n], averaged over seeds.

  Their mean is the row's mean IoU; see `scoring.contributions`.
  """
  return {name: _contributions(seeds) for name, seeds in _counts(studied).items()}


def read(folder: pathlib.Path) -> dict[str, Any] | None:
  """Returns the content of downstream.json in RUN/downstream; None if there is no such file.

  Raises:
    UserError: it is damaged; the message names it.
  """
  file = folder / JSON
  if not file.exists():
    return None
  try:
    content = checksum.loads(file.read_text())
    return {entry: content[entry] for entry in _ENTRIES}
  except (OSError, ValueError, KeyError, TypeError) as error:
    raise _damaged(file, error) from error


def read_per_image(folder: pathlib.Path) -> tuple[list[str], list[str], dict[str, np.ndarray]]:
  """Returns ids, clusters, and each row's values, float64 [n], of per_image.csv; see `read`."""
  file = folder / PER_IMAGE
  try:
    with file.open(newline='', encoding='utf-8') as lines:
      rows = list(csv.DictReader(lines))
    ids = [row['id'] for row in rows]
    groups = [row['sequence'] or row['id'] for row in rows]
    names = [name for name in rows[0] if name not in ('id', 'sequence')]
    return ids, groups, {name: np.array([float(row[name]) for row in rows]) for name in names}
  except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
    raise _damaged(file, error) from error


def _damaged(file: pathlib.Path, error: Exception) -> UserError:
  return UserError(
    f'{file} cannot be read ({type(error).__name__}: {error}): it is damaged or of another '
    f'version. Make it again: python -m experiments.downstream --workdir={file.parent.parent}'
  )


def clusters(studied: Studied) -> list[str]:
  """Returns the group of each test image: its sequence, or itself if it has none."""
  test = studied.test
  return [sequence or id_ for sequence, id_ in zip(test.sequences, test.ids)]


def _trained_as(name: str) -> str:
  """The condition whose instrument a row is about."""
  return REAL if name.startswith(FCN) else name


def _counts(studied: Studied) -> dict[str, list[np.ndarray]]:
  """Row -> the counts of all seeds; conditions first, then FCN scores."""
  found: dict[str, list[np.ndarray]] = {}
  for outcomes in studied.outcomes.values():
    for outcome in outcomes:
      for name, counts in outcome.counts.items():
        found.setdefault(name, []).append(counts)
  return dict(sorted(found.items(), key=lambda item: item[0].startswith(FCN)))


def _contributions(seeds: Sequence[np.ndarray]) -> np.ndarray:
  return np.mean([scoring.contributions(counts) for counts in seeds], axis=0)


def _by_class(seeds: Sequence[np.ndarray]) -> np.ndarray:
  """IoU, [classes, seeds]."""
  return np.transpose([scoring.iou(counts) for counts in seeds])


def _spread(values: Sequence[float]) -> dict[str, Any]:
  """Mean, standard deviation (n - 1; None for one seed), and the value of each seed."""
  known = [float(value) for value in values]
  sd = float(np.std(known, ddof=1)) if len(known) > 1 else None
  return {'mean': float(np.mean(known)), 'sd': sd, 'by_seed': known}


def _interval(values: np.ndarray, studied: Studied) -> dict[str, Any]:
  return statistics.clustered_interval(values, clusters(studied)).bounds


def _compared(studied: Studied, counts: Mapping[str, Sequence[np.ndarray]]) -> list[dict[str, Any]]:
  """Differences in mean IoU between conditions."""
  found: list[dict[str, Any]] = []
  for first, second in conditions_lib.comparisons(studied.plan.conditions):
    pairs = list(zip(counts[first], counts[second]))
    by_seed = [scoring.mean_iou(a) - scoring.mean_iou(b) for a, b in pairs]
    values = _contributions(counts[first]) - _contributions(counts[second])
    found.append(
      {
        'first': first,
        'second': second,
        'difference': float(np.mean(by_seed)),
        'by_seed': by_seed,
        'interval': _interval(values, studied),
        'p': statistics.sign_flip_test(by_seed),
        'least_p': statistics.least_p(len(by_seed)),
      }
    )
  statistics.add_holm(found)
  return found
