"""The answer at the top of a run's page, what may help, and what the run is."""

import html
import json
import os
import re
import shlex

import pytest

from cyclegan_jax.evaluation import results
from cyclegan_jax.reports import answer, run_facts, run_page
from cyclegan_jax.runs import reader
from tests.reports import made_up


def read(folder, **overrides):
  """A run whose model has the given figures; the best guess has PSNR 16 and SSIM 0.5."""
  content = {name: overrides.pop(name) for name in ('model', 'other') if name in overrides}
  made_up.write(folder, **overrides)
  file = folder / 'evaluation' / 'test' / 'metrics.json'
  found = json.loads(file.read_text())
  found['model'] |= content.get('model', {})
  file.write_text(json.dumps(found | content.get('other', {})))
  return reader.read([folder], 'test')[0]


def flags_of(command):
  """The flags of a command, after its name."""
  python, m, name, *flags = shlex.split(command)
  assert (python, m, name) == ('python', '-m', 'experiments.train')
  return dict(flag.removeprefix('--').split('=', 1) for flag in flags)


def test_a_model_better_than_all_guesses_is_good(tmp_path):
  run = read(tmp_path / 'run', model={'psnr': 20.13, 'ssim': 0.6})
  found = answer.of_run(run)
  assert found.state == 'good' and found.sentence == '+4.1 dB over the best guess'
  assert 'The best guess in PSNR is the some_guess: 16 dB, the model has 20.13 dB.' in found.detail
  assert not found.command
  text = run_page.render([run], 'test', 5)
  assert '<div class="card good">' in text and 'class="card bad"' not in text
  # The bars are of the model and the guesses, the model's in color.
  bars = re.search(r'PSNR: longer is better \(dB\)(.*?)</svg>', text, re.DOTALL)
  assert bars.group(1).count('class="whole p0"') == 1
  assert bars.group(1).count('class="whole other"') == 2


@pytest.mark.parametrize(
  'model, sentence',
  [
    ({'psnr': 14.0, 'ssim': 0.6}, '2.0 dB worse than the best guess'),
    ({'psnr': 15.98, 'ssim': 0.4}, '0.02 dB worse than the best guess'),
    ({'psnr': 16.0, 'ssim': 0.6}, 'No better than a guess'),
    ({'psnr': 16.5, 'ssim': 0.3}, '+0.50 dB over the best guess, but worse in SSIM'),
  ],
)
def test_a_model_that_a_guess_beats_is_bad(tmp_path, model, sentence):
  found = answer.of_run(read(tmp_path / 'run', model=model))
  assert (found.state, found.sentence) == ('bad', sentence)
  assert (
    found.detail == 'Do not use it yet. Train it longer; this continues the run:' and found.command
  )
  assert results.verdict(read(tmp_path / 'run', model=model).measured.content).startswith(
    'The model does NOT'
  )


def test_a_schedule_that_ends_goes_on_in_another_folder(tmp_path):
  bad = {'model': {'psnr': 14.0}, 'paired': True}
  constant = read(tmp_path / 'a run', **bad)
  assert flags_of(answer.of_run(constant).command) == {
    'preset': 'udacity',
    'dataset': 'synthetic',
    'paired': 'True',
    'epochs': '6',  # Twice as many.
    'workdir': str(tmp_path / 'a run'),
  }
  falling = flags_of(answer.of_run(read(tmp_path / 'b', **bad, decay_epochs=1)).command)
  assert falling['initialize_from'] == str(tmp_path / 'b') and falling['epochs'] == '3'
  assert falling['workdir'] == str(tmp_path / 'b_longer') and falling['decay_epochs'] == '1'


def test_a_model_that_more_steps_do_not_help_gets_other_images(tmp_path):
  early = {'model': {'psnr': 14.0}, 'other': {'checkpoint_step': 1000, 'trained_steps': 3000}}
  found = answer.of_run(read(tmp_path / 'run', **early, flip=True))
  assert 'validation was best at step 1,000 of 3,000' in found.detail
  flags = flags_of(found.command)
  assert flags['zoom'] == '0.8' and flags['jitter_gray'] == '0.1'
  assert flags['workdir'] == str(tmp_path / 'run_augmented')
  augmented = dict.fromkeys(('zoom', *(n for n in flags if n.startswith('jitter_'))), 0.5)
  found = answer.of_run(read(tmp_path / 'other', **early, flip=True, **augmented))
  assert not found.command and 'more varied, images' in found.detail


def test_a_command_is_whole_words_on_the_page(tmp_path):
  text = run_page.render([read(tmp_path / 'run', model={'psnr': 14.0})], 'test', 5)
  card = re.search('<div class="card bad">(.*?)</div>', text, re.DOTALL).group(1)
  assert card.count('<p') == 3  # The answer, one sentence, and the command.
  words = [html.unescape(word) for word in re.findall('<span>(.*?)</span>', card)]
  assert shlex.split(' '.join(words))[2] == 'experiments.train' and '--' not in words


@pytest.mark.parametrize(
  'model, state, sentence',
  [
    ({'psnr': None, 'mse': 0.0, 'ssim': 1.0}, 'good', 'Every image is reproduced exactly'),
    ({'psnr': None, 'mse': None, 'ssim': None}, '', 'Nothing could be measured'),
  ],
)
def test_figures_that_are_no_numbers(tmp_path, model, state, sentence):
  assert answer.of_run(read(tmp_path / 'run', model=model))[:2] == (state, sentence)


def test_without_guesses_nothing_is_beaten(tmp_path):
  run = read(tmp_path / 'run', model={'psnr': 20.0}, other={'baselines': {}})
  assert answer.of_run(run)[:2] == ('', 'PSNR 20 dB')
  assert 'class="card good"' not in run_page.render([run], 'test', 1)


@pytest.mark.parametrize('distance, state', [(0.1, 'good'), (0.9, 'bad')])
def test_without_pairs_distances_decide(tmp_path, distance, state):
  of_model = dict.fromkeys(('histogram_distance', 'spectral_distance'), distance)
  of_guess = dict.fromkeys(of_model, 0.5)
  content = {
    'model': of_model | {'unpaired_error': 1.0},
    'baselines': {'mean_image': of_guess},
    'trained_steps': 30,
  }
  run = read(tmp_path / 'run', other=content)
  found = answer.of_run(run)
  assert found.state == state and 'real IR images' in found.sentence
  # The best comes first.
  rows = [f'model: {distance}', 'mean training IR image: 0.5']
  assert [text for *_, text in answer.chart([run]).values] == sorted(rows, key=lambda x: x[-1])


def test_images_of_the_training_say_so(tmp_path):
  run = read(tmp_path / 'run', model={'psnr': 20.0, 'ssim': 0.9}, other={'split': 'train'})
  assert answer.of_run(run).detail.startswith('These are the images it was trained on')


def test_facts_of_a_finished_run(tmp_path):
  run = read(tmp_path / 'run')
  (run.folder / 'data.json').write_text('{"splits": {"train": {"rgb": 160, "ir": 160}}}')
  (run.folder / 'metrics.csv').write_text('step,epoch,images_per_second\n10,1,4\n20,2,8\n30,3,8\n')
  for file in (run.folder / 'metrics.csv', run.measured.folder / 'metrics.json'):
    os.utime(file, (1e9, 1e9))  # 2001-09-09.
  (run,) = reader.read([run.folder], 'test')
  facts = dict(run_facts.facts(run))
  # 160 images at 4 a second, twice 160 at 8.
  assert facts['Trained'] == '2001-09-09 in 1m20s'
  measured = '2001-09-09, 12 test images, checkpoint of step 20, best in validation'
  assert facts['Measured'] == measured
  assert facts['Data set'].startswith('synthetic') and 'udacity' in facts['Model']
  assert run_facts.progress(run) == 'Finished: 30 steps, epoch 3'
  text = run_page.render([run], 'test', 5)
  assert '<progress' not in text and 'images/s' not in text
  # A page that is written in training loads itself again, until the run is finished.
  for steps, again in ((160, False), (320, True)):
    splits = f'{{"splits": {{"train": {{"rgb": {steps}, "ir": {steps}}}}}}}'
    (run.folder / 'data.json').write_text(splits)
    run_page.refresh(run.folder)
    text = (run.folder / 'report.html').read_text()
    assert ('location.reload' in text) == again == ('<progress' in text)


def test_a_run_that_patience_has_ended_is_finished(tmp_path):
  run = read(tmp_path / 'run', patience=2)
  assert run.total_steps is None and not run_facts.is_finished(run)
  rows = [f'{step},{step / 10},{psnr},0.5,0.5' for step, psnr in ((10, 20), (20, 19), (30, 18))]
  file = run.folder / 'validation.csv'
  file.write_text('\n'.join(['step,epoch,psnr,ssim,correlation', *rows]) + '\n')
  assert run_facts.is_finished(reader.read([run.folder], 'test')[0])


def test_a_run_in_training_says_how_its_validation_goes(tmp_path):
  run = read(tmp_path / 'run', best_metric='psnr')
  found = answer.of_training(run, False)
  assert found == ('', 'Training', 'Best validation so far at step 30: PSNR 19.97 dB.', '')
  rows = [f'{step},{100 / step},0,0' for step in (10, 20, 30, 40, 50, 60)]
  file = run.folder / 'validation.csv'
  file.write_text('\n'.join(['step,psnr,ssim,correlation', *rows]) + '\n')
  (run,) = reader.read([run.folder], None)
  found = answer.of_training(run, True)
  assert found.state == 'bad' and found.sentence == 'Trained, not measured yet: overfitting'
  assert found.detail == 'Best validation so far at step 10: PSNR 10 dB.'
