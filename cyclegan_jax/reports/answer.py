"""The answer at the top of a run's page: whether it beats the trivial guesses, and what to do."""

from collections.abc import Mapping, Sequence
import math
from typing import Any, NamedTuple

from cyclegan_jax import config as config_lib
from cyclegan_jax.evaluation import results as results_lib
from cyclegan_jax.metrics.catalog import METRICS
from cyclegan_jax.metrics.unpaired import DISTANCES, ERROR
from cyclegan_jax.reports import charts, svg
from cyclegan_jax.runs import next_step
from cyclegan_jax.runs.reader import Run
from cyclegan_jax.settings import fields, flatten, format_value

# More varied images, where the run has none of it; docs/how-to/small-data.md has the figures.
_AUGMENTATION = {
  'flip': True,
  'zoom': 0.8,
  'jitter_brightness': 0.3,
  'jitter_contrast': 0.3,
  'jitter_hue': 0.05,
  'jitter_gray': 0.1,
}


class Answer(NamedTuple):
  """What a card says of a run: 'good', 'bad', or '' if nothing is known; a sentence; why; a way on.

  The command is '' where there is no way on, or none is needed.
  """

  state: str
  sentence: str
  detail: str
  command: str = ''


def of_run(run: Run) -> Answer:
  """Says whether a measured run beats the trivial guesses."""
  content = run.measured.content
  if ERROR in content[results_lib.MODEL]:
    return _without_pairs(run)
  model = _psnr(content[results_lib.MODEL])
  if model == -math.inf:
    return Answer('', 'Nothing could be measured', 'Too few pixels are valid.')
  guesses = {name: _psnr(totals) for name, totals in content['baselines'].items()}
  if not guesses:
    return Answer('', f'PSNR {model:.4g} dB', 'No trivial guess was measured beside it.')
  best = max(guesses, key=lambda name: guesses[name])
  gain = model - guesses[best]
  amount = f'{gain:+.1f}' if abs(gain) >= 1 else f'{gain:+.2f}'
  title = results_lib.title(best, results_lib.direction(content))
  if results_lib.is_good(content):
    sentence = f'{amount} dB over the best guess'
    if model == math.inf:
      sentence = 'Every image is reproduced exactly'
    own = '∞' if model == math.inf else f'{model:.4g}'
    detail = (
      f'It beats every trivial guess in PSNR and in SSIM. The best guess in PSNR is the {title}: '
      f'{guesses[best]:.4g} dB, the model has {own} dB.'
    )
    return Answer('good', sentence, _noted(content, detail))
  if gain > 0:
    sentence = f'{amount} dB over the best guess, but worse in SSIM'
  else:
    sentence = (
      f'{amount[1:]} dB worse than the best guess' if gain < 0 else 'No better than a guess'
    )
  advice, command = _way_on(run)
  return Answer('bad', sentence, _noted(content, advice), command)


def of_training(run: Run, is_finished: bool) -> Answer:
  """Says how a run that is not measured is doing, by its validation."""
  sentence = 'Trained, not measured yet' if is_finished else 'Training'
  found = run.best
  if found is None:
    return Answer('', sentence, 'No validation yet.')
  name = next((name for name in ('psnr', ERROR) if name in run.validation), '')
  row = run.validation['step'].tolist().index(found.step)
  metric = METRICS.get(name)
  value = f': {metric.title} {run.validation[name][row]:.4g}{metric.unit}' if metric else ''
  detail = f'Best validation so far at step {found.step:,}{value}.'
  return (
    Answer('bad', f'{sentence}: overfitting', detail)
    if found.overfits
    else Answer('', sentence, detail)
  )


def chart(runs: Sequence[Run]) -> svg.Chart | None:
  """Bars of runs measured alike, and of the guesses: PSNR, or without pairs the first distance."""
  content = runs[0].measured.content
  unpaired = ERROR in content[results_lib.MODEL]
  metric = METRICS[DISTANCES[0] if unpaired else 'psnr']
  value = _distance if unpaired else _psnr
  direction = results_lib.direction(content)
  names = [run.name for run in runs] if len(runs) > 1 else ['model']
  rows = {name: value(run.measured.content[results_lib.MODEL]) for name, run in zip(names, runs)}
  rows |= {
    results_lib.title(name, direction): value(totals)
    for name, totals in content['baselines'].items()
  }
  return charts.standing(rows, metric, names)


def _without_pairs(run: Run) -> Answer:
  content = run.measured.content
  kind = results_lib.direction(content).rpartition('_')[2].upper()
  limits = 'Without pairs, nothing tells whether an image shows what is in the scene.'
  if results_lib.is_good(content):
    return Answer('good', f'More like real {kind} images than every guess', limits)
  advice, command = _way_on(run)
  return Answer('bad', f'A trivial guess is more like real {kind} images', advice, command)


def _way_on(run: Run) -> tuple[str, str]:
  """What may help a model that is not good enough, in one sentence, and the command for it."""
  content = run.measured.content
  if not results_lib.has_converged(content):
    return _longer(run)
  values = flatten(run.config)
  off = {name: field.default for name, (_, field) in fields().items()}
  missing = {name: value for name, value in _AUGMENTATION.items() if values[name] == off[name]}
  where = f'Do not use it: validation was best at step {content["checkpoint_step"]:,} of '
  where += f'{content["trained_steps"]:,}, so more steps do not help. '
  if not missing:
    return f'{where}It needs more, or more varied, images.', ''
  folder = run.folder.with_name(f'{run.folder.name}_augmented')
  command = next_step.command('train', **{**_flags(run), **missing, 'workdir': folder})
  return f'{where}Show it more varied images:', command


def _longer(run: Run) -> tuple[str, str]:
  """As `_way_on`: trains on, in the same folder only where the learning rate is constant."""
  train, flags, folder = run.config.train, _flags(run), run.folder
  if not train.decay_epochs:
    name = 'steps' if train.steps else 'epochs'
    advice = 'Do not use it yet. Train it longer; this continues the run:'
    longer = {name: 2 * getattr(train, name), 'workdir': folder}
    return advice, next_step.command('train', **{**flags, **longer})
  other = folder.with_name(f'{folder.name}_longer')
  advice = 'Do not use it yet. Train it longer; this starts another run from it:'
  again = {'initialize_from': folder, 'workdir': other}
  return advice, next_step.command('train', **{**flags, **again})


def _flags(run: Run) -> dict[str, Any]:
  """The flags that a run was started with, but for its folder."""
  following = config_lib.followed(run.config)
  chosen = {
    name: format_value(new)
    for name, (_, new) in run.changed.items()
    if name not in following and new is not None
  }
  return {'preset': run.config.train.preset, 'dataset': run.config.data.dataset, **chosen}


def _noted(content: Mapping[str, Any], text: str) -> str:
  return f'{results_lib.REMEMBERED} {text}' if results_lib.is_remembered(content) else text


def _psnr(totals: Mapping[str, Any]) -> float:
  """PSNR as a number to compare: infinite if every image is reproduced exactly."""
  value = totals['psnr']
  if value is None:
    return math.inf if totals['mse'] == 0 else -math.inf
  return value


def _distance(totals: Mapping[str, Any]) -> float:
  value = totals.get(DISTANCES[0])
  return math.nan if value is None else value
