"""What comparisons of made-up runs show, in sentences."""

import pytest

from cyclegan_jax.comparison import answers
from tests.comparison import made_up
from tests.comparison.made_up import compared, model

UNPROVEN = 'two seeds cannot prove it, six can'


def said(content):
  return answers.sentences(content)


def set_to(models, **levels):
  """Gives the runs of models a PSNR of our own choosing, 0.1 dB more with each seed."""
  for label, level in levels.items():
    for run in models[label].runs:
      run.measured.content['model']['psnr'] = level + 0.1 * run.config.train.seed
  return models


def test_who_leads_comes_first(tmp_path):
  models = set_to(made_up.two(tmp_path, n_seeds=2), good=22, bad=20)
  first, *others = answers.answers(compared(models, [('good', 'bad')]))
  assert first.sentence == (
    'good leads with 22.05 dB PSNR, better than every trivial guess by 6.05 dB.'
  )
  assert first.state == 'good'
  assert [(answer.state, answer.sentence) for answer in others] == [
    ('good', 'good: better than every trivial guess by 6.05 dB, in both seeds.'),
    ('good', 'bad: better than every trivial guess by 4.05 dB, in both seeds.'),
    ('', f'good against bad: better by 2.00 dB PSNR, in both seeds; {UNPROVEN}.'),
  ]


def test_a_shown_difference_and_a_lost_one(tmp_path):
  models = made_up.two(tmp_path)
  found = answers.answers(compared(models, [('good', 'bad')]))[-1]
  assert found.state == 'good'
  assert found.text == 'better by 2.00 dB PSNR, in all six seeds; shown (p = 0.031)'
  found = answers.answers(compared(models, [('bad', 'good')]))[-1]
  assert found.state == 'bad' and found.text.startswith('worse by 2.00 dB PSNR, in all six seeds')
  # Errors are equal here.
  assert said(compared(models, [('bad', 'good')], primary='mse'))[-1] == (
    'bad against good: equal in MSE, on average.'
  )


def test_seeds_that_could_not_prove_anything_are_told_apart_from_chance(tmp_path):
  models = {**made_up.two(tmp_path), 'third': model(tmp_path, 'third', 21, range(6))}
  pairs = [('good', 'bad'), ('third', 'bad'), ('third', 'good')]
  *_, third, once = said(compared(models, pairs))
  assert third == 'third against good: worse by 1.00 dB PSNR, in all six seeds.'
  assert once == 'Six seeds cannot prove such differences, seven can.'


def test_a_clear_comparison_leaves_the_next_an_easier_test(tmp_path):
  """Holm multiplies the second smallest p by one less than there are comparisons."""
  models = {
    'a': model(tmp_path, 'a', 22, range(8)),
    'b': model(tmp_path, 'b', 20, range(8)),
    'c': model(tmp_path, 'c', 22, range(6)),
  }
  for run in models['c'].runs[:1]:
    run.measured.content['model']['psnr'] -= 9
  found = said(compared(models, [('a', 'b'), ('c', 'b')]))
  assert found[-2].endswith('shown (p = 0.016).')
  # 2 / 2^6 times 1 would do: six seeds can prove it, these do not.
  assert 'may be chance' in found[-1]


def test_a_mean_that_single_seeds_contradict(tmp_path):
  models = set_to(made_up.two(tmp_path, n_seeds=3), good=22, bad=20)
  models['good'].runs[0].measured.content['model']['psnr'] = 12.0
  found = answers.answers(compared(models, [('good', 'bad')]))
  by_label = {answer.subject: answer for answer in found}
  assert by_label['good'].state == ''
  assert by_label['good'].text.endswith('on average, but only in two of three seeds')
  assert 'worse by 1.33 dB PSNR on average, but only in one of three' in found[-1].text


def test_a_lower_distance_is_better_and_a_ratio_has_no_direction(tmp_path):
  models = made_up.two(tmp_path, n_seeds=2)
  for name, value in (('good', 3.0), ('bad', 9.0)):
    for run in models[name].runs:
      run.measured.content['model'] |= {'log_spectral_distance': value, 'gradient_ratio': value}
  content = compared(models, [('good', 'bad')], primary='log_spectral_distance')
  assert said(content)[0] == 'good leads with 3.00 dB log-spectral distance.'
  assert 'better by 6.00 dB log-spectral distance, in both seeds' in said(content)[-1]
  content = compared(models, [('good', 'bad')], primary='gradient_ratio')
  assert said(content) == [
    'good against bad: -6.00 gradient ratio, in both seeds; two seeds cannot prove it, six can.'
  ]


def test_one_seed_says_nothing_about_seeds(tmp_path):
  content = compared(made_up.two(tmp_path, n_seeds=1), [('good', 'bad')])
  assert 'with one seed; one seed cannot prove it, six can.' in said(content)[-1]


def test_models_that_lose_to_guesses_are_named(tmp_path):
  one = set_to({'a': model(tmp_path, 'a', 15.5, [0])}, a=15.5)
  assert said(compared(one, [])) == [
    'The model is not better than the some_guess (16.00 dB PSNR); a has 15.50 dB PSNR.'
  ]
  models = set_to({**one, 'b': model(tmp_path, 'b', 12, [0])}, b=12)
  found = answers.answers(compared(models, [('a', 'b')]))
  assert [answer.state for answer in found] == ['bad', 'bad', 'bad', '']
  assert found[0].text.startswith('No model is better than the some_guess (16.00 dB PSNR); a leads')
  assert found[2].sentence == 'b: worse than the some_guess by 4.00 dB.'


@pytest.mark.parametrize('mse, lost', [(0.0, True), (1.0, False)])
def test_a_baseline_without_any_error_beats_every_model(tmp_path, mse, lost):
  """Its PSNR is infinite, null in JSON; null with an error decides nothing."""
  models = {'a': model(tmp_path, 'a', 50, [0])}
  content = models['a'].runs[0].measured.content
  content['baselines']['some_guess'].update(psnr=None, mse=mse)
  told = said(compared(models, []))[0]
  assert ('not better than the some_guess (infinite PSNR)' in told) == lost


def test_models_without_a_seed_in_common_and_aliases(tmp_path):
  models = {'a': model(tmp_path, 'a', 21, [0]), 'b': model(tmp_path, 'b', 20, [1])}
  models['c'] = model(tmp_path, 'a', 21, [0], trained_as='a')
  found = said(compared(models, [('a', 'b')]))
  assert found[-1] == 'a against b: not compared, because they have no seed in common.'
  assert not any(text.startswith('c') for text in found)


def test_the_best_comes_first_and_the_only_one_that_beats_guesses_is_named(tmp_path):
  levels = {'a': 12, 'b': 17, 'c': 15}
  models = {name: model(tmp_path, name, level, [0]) for name, level in levels.items()}
  found = said(compared(set_to(models, **levels), []))
  assert found[0] == 'Only b beats every trivial guess, by 1.00 dB (17.00 dB PSNR).'
  assert [text.partition(':')[0] for text in found[1:]] == ['b', 'c', 'a']
