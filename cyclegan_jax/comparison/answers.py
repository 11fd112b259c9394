"""What a comparison shows, one sentence per question: which model leads, and by how much."""

from collections.abc import Mapping, Sequence
import math
import sys
from typing import Any, NamedTuple

from cyclegan_jax.comparison.compare import LEVEL
from cyclegan_jax.evaluation.results import title
from cyclegan_jax.metrics import statistics
from cyclegan_jax.metrics.catalog import METRICS

_WORDS = (
  *('none', 'one', 'two', 'three', 'four', 'five', 'six'),
  *('seven', 'eight', 'nine', 'ten', 'eleven', 'twelve'),
)


class Answer(NamedTuple):
  """The answer to one question.

  Attributes:
    state: 'good' or 'bad' where it is settled, else ''.
    subject: a model, or two of them; '' for the answer that comes first.
    text: the answer.
  """

  state: str
  subject: str
  text: str

  @property
  def sentence(self) -> str:
    """Subject and text."""
    return f'{self.subject}: {self.text}.' if self.subject else f'{self.text}.'


def answers(content: Mapping[str, Any]) -> list[Answer]:
  """Returns who leads, how each model does beside trivial guesses, and what comparisons show.

  The content is of comparison.json. All is about the metric that decides.
  """
  return [*_lead(content), *_beside_guesses(content), *_comparisons(content)]


def sentences(content: Mapping[str, Any]) -> list[str]:
  """Returns the answers as text."""
  return [answer.sentence for answer in answers(content)]


def _lead(content: Mapping[str, Any]) -> list[Answer]:
  """Which model has the best mean, and whether that is better than every trivial guess."""
  name, scores, guess = content['primary_metric'], _scores(content), _best_guess(content)
  better = METRICS[name].better
  if not better or not scores:
    return []
  top = max(scores.values(), key=lambda score: better * score)
  leaders = [label for label, score in scores.items() if score == top]
  several = len(scores) > 1
  verb = ('leads with' if len(leaders) == 1 else 'lead with') if several else 'has'
  figure = f'{" and ".join(leaders)} {verb} {_figure(name, top)}'
  if guess is None:
    return [Answer('', '', figure)]
  ahead = better * (top - guess[1])
  if ahead > 0:
    by = _by(name, ahead)
    text = f'{figure}, better than every trivial guess{by}'
    if several and sum(better * (score - guess[1]) > 0 for score in scores.values()) == 1:
      by = by and f',{by}'
      text = f'Only {leaders[0]} beats every trivial guess{by} ({_figure(name, top)})'
    return [Answer('good', '', text)]
  nobody = 'No model is better' if several else 'The model is not better'
  text = f'{nobody} than the {guess[0]} ({_figure(name, guess[1])}); {figure}'
  return [Answer('bad', '', text)]


def _beside_guesses(content: Mapping[str, Any]) -> list[Answer]:
  """Each of several models beside the best trivial guess, the best model first."""
  name, scores, guess = content['primary_metric'], _scores(content), _best_guess(content)
  better = METRICS[name].better
  if not better or guess is None or len(scores) < 2:
    return []
  found = []
  for label, score in sorted(scores.items(), key=lambda item: -better * item[1]):
    ahead = better * (score - guess[1])
    if ahead <= 0:
      how = 'worse' if ahead else 'no better'
      found.append(Answer('bad', label, f'{how} than the {guess[0]}{_by(name, -ahead)}'))
      continue
    runs = [_score(run, name) for run in content['models'][label]['runs']]
    agreeing = sum(run is not None and better * (run - guess[1]) > 0 for run in runs)
    text = f'better than every trivial guess{_by(name, ahead)}{_in_seeds(agreeing, len(runs))}'
    found.append(Answer('good' if agreeing == len(runs) else '', label, text))
  return found


def _comparisons(content: Mapping[str, Any]) -> list[Answer]:
  primary = [result for result in content['comparisons'] if result['primary']]
  found = [_comparison(result, primary) for result in primary]
  unproven = [i for i, answer in enumerate(found) if answer.state == 'unproven']
  needed = _word(content['what_seeds_can_show']['seeds_needed'])
  for i in unproven:
    text = found[i].text
    if len(unproven) == 1:
      text += f'; {_seeds(len(primary[i]["by_seed"]))} cannot prove it, {needed} can'
    found[i] = found[i]._replace(state='', text=text)
  if len(unproven) > 1:  # Said once.
    most = _seeds(max(len(primary[i]['by_seed']) for i in unproven))
    text = f'{most} cannot prove such differences, {needed} can'
    found.append(Answer('', '', text[0].upper() + text[1:]))
  return found


def _comparison(result: Mapping[str, Any], compared: Sequence[Mapping[str, Any]]) -> Answer:
  """The answer to one of several comparisons; its state may be 'unproven', too."""
  name, difference, by_seed = result['metric'], result['difference'], result['by_seed']
  metric, subject = METRICS[name], f'{result["first"]} against {result["second"]}'
  if difference is None:
    why = f'{metric.title} is undefined' if result['seeds'] else 'they have no seed in common'
    return Answer('', subject, f'not compared, because {why}')
  if not difference:
    return Answer('', subject, f'equal in {metric.title}, on average')
  gain = metric.better * difference
  judged = 'better' if gain > 0 else 'worse'
  amount = f'{judged}{_by(name, abs(difference))}' if gain else _change(name, difference)
  where = _in_seeds(sum(value * difference > 0 for value in by_seed), len(by_seed))
  text = f'{amount} {metric.title}{where}'
  p = result['p_holm']
  if p is not None and p <= LEVEL:
    state = 'good' if gain > 0 else 'bad' if gain < 0 else ''
    return Answer(state, subject, f'{text}; shown (p = {p:.2g})')
  if p is not None and _least_possible(result, compared) <= LEVEL:
    return Answer('', subject, f'{text}; may be chance (p = {p:.2g})')
  return Answer('unproven', subject, text)


def _least_possible(result: Mapping[str, Any], compared: Sequence[Mapping[str, Any]]) -> float:
  """The corrected p of a comparison, had all its seeds agreed by equal amounts."""
  p_values = [one['least_p'] if one is result else one['p'] for one in compared]
  corrected = statistics.holm(p_values)
  return next(p for p, one in zip(corrected, compared) if one is result) or 0.0


def _in_seeds(agreeing: int, n: int) -> str:
  """In how many of the seeds it is so."""
  if n == 1:
    return ', with one seed'
  if agreeing == n:
    return ', in both seeds' if n == 2 else f', in all {_word(n)} seeds'
  return f' on average, but only in {_word(agreeing)} of {_word(n)} seeds'


def _scores(content: Mapping[str, Any]) -> dict[str, float]:
  """Mean over seeds of each model with runs of its own, where all are defined."""
  found = {}
  for label, model in content['models'].items():
    scores = [_score(run, content['primary_metric']) for run in model['runs']]
    known = [score for score in scores if score is not None]
    if known and len(known) == len(scores) and model['trained_as'] == label:
      found[label] = math.fsum(score / len(known) for score in known)
  return found


def _best_guess(content: Mapping[str, Any]) -> tuple[str, float] | None:
  """The best of the trivial guesses, and its figure."""
  name = content['primary_metric']
  scores = {
    title(guess, content['direction']): score
    for guess, totals in content['baselines'].items()
    if (score := _score(totals, name)) is not None
  }
  return max(scores.items(), key=lambda one: METRICS[name].better * one[1], default=None)


def _score(totals: Mapping[str, float | None], metric: str) -> float | None:
  """Returns the figure that decides, None if it is undefined.

  Where every image is reproduced exactly, PSNR is infinite, which JSON leaves out. The largest
  number stands for it, so that two such models are equal.
  """
  if totals[metric] is None and metric.startswith('psnr') and totals['mse'] == 0:
    return sys.float_info.max
  return totals[metric]


def _figure(name: str, value: float) -> str:
  metric = METRICS[name]
  number = 'infinite' if value == sys.float_info.max else f'{metric.shown(value)}{metric.unit}'
  return f'{number} {metric.title}'


def _by(name: str, amount: float) -> str:
  """By how much; '' if there is nothing to say."""
  known = 0 < amount < sys.float_info.max / 2
  return f' by {_change(name, amount).removeprefix("+")}' if known else ''


def _change(name: str, difference: float) -> str:
  metric = METRICS[name]
  text = metric.shown(difference, '+')
  if not float(text):
    text = f'less than {metric.shown(10.0**-metric.decimals)}'
  return f'{text}{metric.unit}'


def _seeds(n: int) -> str:
  return f'{_word(n)} seed{"s" * (n != 1)}'


def _word(n: int) -> str:
  return _WORDS[n] if n < len(_WORDS) else str(n)
