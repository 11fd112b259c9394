"""The command that makes a page about runs."""

import pytest

from tests.command_line import fails, run
from tests.reports import made_up


@pytest.fixture
def runs(tmp_path):
  """Two measured runs."""
  for name in ('a', 'b'):
    made_up.write(tmp_path / name, paired=name == 'a')
  return [tmp_path / 'a', tmp_path / 'b']


def test_pages_of_one_run_and_of_two(runs, tmp_path):
  result = run('report', f'--workdir={runs[0]}', '--gallery=2')
  assert result.returncode == 0, result.stderr
  assert f'Page: {runs[0] / "report.html"} (' in result.stdout
  assert (runs[0] / 'report.html').read_text().count('data:image') == 8
  both = f'--workdir={runs[0]},{runs[1]}', f'--output={tmp_path / "both.html"}'
  result = run('report', *both, '--gallery=all')
  assert result.returncode == 0, result.stderr
  text = (tmp_path / 'both.html').read_text()
  assert '<h1>Runs: a, b</h1>' in text and 'src="both_files/000000-0.jpeg"' in text
  # Of each image RGB, true IR, and two generated ones with their errors.
  assert len([*(tmp_path / 'both_files').iterdir()]) == 6 * 12


def test_names_with_commas(runs, tmp_path):
  comma = tmp_path / 'day, night'
  runs[0].rename(comma)
  result = run('report', f'--workdir={comma}')
  assert result.returncode == 0, result.stderr
  page = (comma / 'report.html').read_text()
  assert 'experiments.report &#39;--workdir=' in page
  both = f'--workdir={runs[1]},{comma}'
  result = run('report', both, f'--output={tmp_path / "both.html"}')
  assert result.returncode == 0, result.stderr
  assert '<h1>Runs: b, day, night</h1>' in (tmp_path / 'both.html').read_text()


def test_mistakes(runs, tmp_path):
  assert '--workdir is missing' in fails('report')
  assert '--gallery=-1: expected a number' in fails(
    'report', f'--workdir={runs[0]}', '--gallery=-1'
  )
  assert 'not a run folder' in fails('report', f'--workdir={tmp_path}')
  both = f'--workdir={runs[0]},{runs[1]}'
  assert '--output is missing' in fails('report', both)
  assert 'a name between commas' in fails('report', f'--workdir={runs[0]},', '--output=x.html')
  message = fails('report', both, f'--output={tmp_path / "nosuch" / "x.html"}')
  assert 'x.html cannot be written' in message
  assert 'b cannot be written: Is a directory' in fails(
    'report', f'--workdir={runs[0]}', f'--output={runs[1]}'
  )
