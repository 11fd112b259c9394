"""The content of metrics.json, and what it says in tables and sentences."""

from collections.abc import Mapping, Sequence
import hashlib
import math
from typing import Any

from cyclegan_jax import provenance, radiometry
from cyclegan_jax.data.source import Domain
from cyclegan_jax.evaluation import class_errors, obedience
from cyclegan_jax.evaluation.baselines import BASELINES
from cyclegan_jax.evaluation.measure import Measured, VALID_SHARE
from cyclegan_jax.metrics import perceptual
from cyclegan_jax.metrics.catalog import METRICS
from cyclegan_jax.metrics.unpaired import DISTANCES, ERROR
from cyclegan_jax.settings import Config, flatten, ModelConfig

# The trained model among the predictors.
MODEL = 'model'
# The same, told the true condition.
ORACLE = 'true_condition'
_NAMES = {
  MODEL: 'model',
  ORACLE: 'model told the true condition (an oracle)',
  'mean_image': 'mean training {target} image',
  'nearest': '{target} of the nearest training {source} image',
  'luminance': '{luminance} as {target}',
  'constant': 'constant (mean training {target} value)',
}
_DEFINITIONS = {
  'pixels': 'integers as written to files, after inverse normalization, rounding and clipping',
  **{name: metric.definition for name, metric in METRICS.items() if metric.definition},
  ORACLE: 'the model is told the true condition of each image, which holds part of the answer, so '
  'this is no rival; the other rows are told nothing, the model the mean of the training images',
  'nearest': 'the image of the training pair whose source image, averaged to 16x16 pixels, is '
  'nearest by Euclidean distance',
}
# A best checkpoint in this share of a run, its first, says that more steps do not help.
_EARLY = 0.5
REMEMBERED = (
  'These are the images it was trained on: the figures tell how well it remembers them, not how '
  'well it translates others.'
)
_GOOD = 'The model beats every trivial baseline'
_REASONS = {'infinite': 'infinite (identical images)', 'undefined': 'undefined'}


def result(
  results: Mapping[str, Measured],
  config: Config,
  target: Domain,
  split: str,
  step: int,
  networks: perceptual.Perceptual = perceptual.NONE,
  class_names: Sequence[str] = (),
) -> dict[str, Any]:
  """Returns the content of metrics.json: totals of model and baselines, and what they mean.

  Args:
    results: from `measure.measure`, of `MODEL`, the baselines, and perhaps `ORACLE`.
    config: of the run.
    target: the domain of what was measured.
    split: what was measured.
    step: of the checkpoint.
    networks: what FID, KID and LPIPS were measured with.
    class_names: the classes, if errors were measured for each.
  """
  measured = results[MODEL]
  definitions = {**_definitions(results), **networks.definitions(measured.totals)}
  # RGB values have no unit.
  span = config.data.ir_span if target.name == 'ir' else ''
  ir_range = radiometry.known(config.data.ir_range, span) if target.name == 'ir' else None
  if 'psnr' in definitions and span:
    definitions['psnr'] += f'; of the range {span} (--ir_span)'
  classes = {}
  sums = {name: m.class_sums for name, m in results.items() if m.class_sums is not None}
  if sums:
    classes = {'classes': class_errors.content(sums, class_names, ir_range, target.max_value)}
    definitions |= {'classes': class_errors.DEFINITION}
  oracle = {ORACLE: _plain(results[ORACLE].totals)} if ORACLE in results else {}
  return {
    MODEL: _plain(measured.totals),
    'baselines': {name: _plain(results[name].totals) for name in BASELINES if name in results},
    'split': split,
    'n': len(measured.ids),
    'split_sha256': hashlib.sha256('\n'.join(sorted(measured.ids)).encode()).hexdigest(),
    'image_size': list(config.data.image_size),
    'value_range': [0, int(target.max_value)],
    'checkpoint_step': step,
    'preset': config.train.preset,
    'seed': config.train.seed,
    'settings': flatten(config),
    'definitions': definitions,
    'versions': provenance.versions(networks.packages),
    'commit': provenance.commit(),
    **classes,
    **_in_unit(results, ir_range, target.max_value),
    **oracle,
  }


def _in_unit(
  results: Mapping[str, Measured], ir_range: radiometry.Range | None, max_value: float
) -> dict[str, Any]:
  """Mean absolute and root mean square errors in units, by predictor; {} if these are unknown."""
  if not ir_range or 'mae' not in results[MODEL].totals:
    return {}
  errors = {
    name: _plain({key: ir_range.difference(one.totals[key], max_value) for key in ('mae', 'rmse')})
    for name, one in results.items()
  }
  return {'in_unit': {'unit': ir_range.difference_unit, 'range': ir_range.text, 'errors': errors}}


def direction(content: Mapping[str, Any]) -> str:
  """Returns what was measured, 'rgb_to_ir' (always, by earlier versions) or 'ir_to_rgb'."""
  return content.get('settings', {}).get('direction', ModelConfig.direction)


def title(name: str, direction: str = ModelConfig.direction) -> str:
  """Returns what tables call a predictor of a direction: `MODEL` or a baseline."""
  source, target = direction.upper().split('_TO_')
  luminance = 'luminance' if source == 'RGB' else 'gray IR'
  return _NAMES.get(name, name).format(source=source, target=target, luminance=luminance)


def rows(content: Mapping[str, Any]) -> list[list[str]]:
  """Returns the table of model and baselines as text, header first."""
  columns = [name for name in METRICS if name in content[MODEL]]
  known = content.get('in_unit', {'errors': {}, 'unit': ''})
  of_unit = [key for key in ('mae', 'rmse') if known['errors']]
  header = [METRICS[name].title for name in columns]
  span = content.get('settings', {}).get('ir_span')
  if span and 'psnr' in columns and direction(content).endswith('_to_ir'):
    header[columns.index('psnr')] += f' of {span}'
  header += [f'{METRICS[key].title}, {known["unit"]}' for key in of_unit]
  return [['', *header]] + [
    [_title(content, name), *(_cell(totals, column) for column in columns)]
    + [_cell(known['errors'][name], key) for key in of_unit]
    for name, totals in _predictors(content)
  ]


def class_rows(content: Mapping[str, Any]) -> list[list[str]]:
  """Returns the table of errors for each class as text, header first; empty without labels."""
  titles = {name: _title(content, name) for name, _ in _predictors(content)}
  return class_errors.rows(content.get('classes', {}), titles)


def obedience_rows(content: Mapping[str, Any]) -> list[list[str]]:
  """Returns the table of what was commanded and obtained as text, header first; perhaps empty."""
  return obedience.rows(content.get('obedience', {}))


def verdict(content: Mapping[str, Any]) -> str:
  """Returns in words which trivial baselines the model does not beat, and what limits that."""
  found = _verdict_without_pairs(content) if ERROR in content[MODEL] else _verdict(content)
  return f'{found} {REMEMBERED}' if is_remembered(content) else found


def is_good(content: Mapping[str, Any]) -> bool:
  """Returns whether the model beats every trivial baseline, as `verdict` says in words."""
  return verdict(content).startswith(_GOOD)


def is_remembered(content: Mapping[str, Any]) -> bool:
  """Returns whether the model was measured on the images that it was trained on."""
  return content.get('split') == 'train' and 'on' not in content


def has_converged(content: Mapping[str, Any]) -> bool:
  """Returns whether the best checkpoint lies so early in the run that more steps do not help."""
  best, of = content.get('checkpoint_step', 0), content.get('trained_steps', 0)
  return content.get('checkpoint') == 'best' and best <= of * _EARLY


def _verdict(content: Mapping[str, Any]) -> str:
  if content[MODEL]['mse'] is None:
    return 'Nothing could be measured: too few pixels are valid.'

  def score(totals, metric):
    # PSNR is infinite if every image is reproduced exactly.
    missing = math.inf if totals['mse'] == 0 else -math.inf
    return missing if totals[metric] is None else totals[metric]

  lost = [
    f'{_title(content, name)} ({METRICS[metric].title} {score(totals, metric):.4g})'
    for name, totals in content['baselines'].items()
    for metric in ('psnr', 'ssim')
    if score(content[MODEL], metric) <= score(totals, metric)
  ]
  if not lost:
    return f'{_GOOD} in PSNR and in SSIM.'
  names = ', '.join(lost)
  return f'The model does NOT beat {names}: do not use it yet. {_cure(content)}'


def _verdict_without_pairs(content: Mapping[str, Any]) -> str:
  """Compares collections; the least that a model has to do is to look like its target."""
  model = content[MODEL]
  lost = [
    f'{_title(content, name)} ({METRICS[metric].title} {totals[metric]:.4g})'
    for name, totals in content['baselines'].items()
    for metric in DISTANCES
    if None in (model[metric], totals[metric]) or model[metric] >= totals[metric]
  ]
  limits = 'Without pairs, nothing tells whether an image shows what is in the scene.'
  if not lost:
    kind = direction(content).rpartition('_')[2].upper()
    return f'{_GOOD} in both distances to real {kind} images. {limits}'
  return f'The model does NOT beat {", ".join(lost)}. {limits}'


def _cure(content: Mapping[str, Any]) -> str:
  """What may help a model that is not good enough."""
  best, of = content.get('checkpoint_step', 0), content.get('trained_steps', 0)
  if not has_converged(content):
    return 'More --epochs or more data may help.'
  start = 'Overfitting: validation' if content.get('overfitting') else 'Validation'
  return (
    f'{start} was best at step {best:,} of {of:,}, so more --epochs do not help. More data or '
    'augmentation may (docs/how-to/small-data.md).'
  )


def left_out(content: Mapping[str, Any]) -> list[str]:
  """Returns a sentence for each mean that leaves some of the images out."""
  found = []
  for name, totals in _predictors(content):
    for key, count in totals.items():
      metric, _, why = key.rpartition('_')
      # If every image is left out, the table has a dash.
      if why in _REASONS and 0 < count < content['n']:
        found.append(
          f'{_title(content, name)}: {METRICS[metric].title} is {_REASONS[why]} for {count} of '
          f'{content["n"]} images, which its mean leaves out'
        )
  return found


def _predictors(content: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
  """Model, baselines and perhaps the oracle, with their totals."""
  oracle = [(ORACLE, content[ORACLE])] if ORACLE in content else []
  return [(MODEL, content[MODEL]), *content['baselines'].items(), *oracle]


def _title(content: Mapping[str, Any], name: str) -> str:
  return title(name, direction(content))


def _cell(totals: Mapping[str, Any], column: str) -> str:
  value, deviation = totals.get(column), totals.get(f'{column}_sd')
  if value is None:
    return '-'
  metric = METRICS.get(column)
  text = metric.shown(value) if metric else f'{value:.4g}'
  return text + ('' if deviation is None else f' ± {deviation:.2g}')


def _definitions(results: Mapping[str, Measured]) -> dict[str, str]:
  totals = results[MODEL].totals
  present = {'pixels', *results, *totals}
  found = {name: text for name, text in _DEFINITIONS.items() if name in present}
  if VALID_SHARE in totals:
    found[VALID_SHARE] = (
      'only pixels with thermal data are compared, '
      f'{100 * totals[VALID_SHARE]:.1f} % of all; windows lie wholly in them'
    )
  return found


def _plain(totals: Mapping[str, float]) -> dict[str, float | int | None]:
  """The totals as JSON takes them; null stands for NaN and infinity."""
  return {key: value if math.isfinite(value) else None for key, value in totals.items()}
