"""Commands that are advised: on splits that exist, and as a shell takes them."""

import shlex

import pytest

from cyclegan_jax.runs import next_step


@pytest.mark.parametrize(
  ('splits', 'asked', 'want'),
  [
    (('train', 'validation', 'test'), 'test', []),
    (('train', 'validation'), 'test', ['--split=validation']),
    (('train',), 'test', ['--split=train']),
    (('train', 'test'), 'train', ['--split=train']),
  ],
)
def test_a_split_that_exists_is_named(splits, asked, want):
  command = next_step.evaluate('runs/a', splits, asked)
  assert shlex.split(command) == ['python', '-m', 'experiments.evaluate', '--workdir=runs/a', *want]


def test_nothing_to_measure_is_nothing_to_advise():
  assert next_step.evaluate('runs/a', ()) == ''


@pytest.mark.parametrize('folder', ["my run's", 'a b', 'a,b', '$HOME', 'a;b', 'ä', '~x', '*'])
def test_a_shell_takes_the_folder_as_it_is(folder):
  command = next_step.evaluate(folder, ('test',), checkpoint='latest')
  assert shlex.split(command)[3:] == [f'--workdir={folder}', '--checkpoint=latest']
