"""Figures, words and the page of comparisons of made-up runs."""

import html.parser
import itertools
import json

import numpy as np
import pytest

from cyclegan_jax.comparison import compare, runs, tables
from cyclegan_jax.errors import UserError
from cyclegan_jax.reports import comparison_page
from tests.comparison import made_up

PAPER = {
  'rows': {'CycleGAN': {'mse': 923.878, 'rmse': 23.118, 'psnr': 35.5594, 'uqi_sewar': 0.909}},
  'note': 'Copied.',
}
PLANNED = {
  'dataset': 'synthetic',
  'common_flags': ['--dataset=synthetic'],
  'planned_seeds': [0],
  'history': [{'date': 'then', 'models': ['a'], 'seeds': [0]}],
  'missing': [],
}


def model(folder, label, level, seeds, trained_as=None, **options):
  found = []
  for seed in seeds:
    made_up.write(folder / label / str(seed), made_up.config(seed), level + 0.1 * seed, **options)
    found.append(runs.load(folder / label / str(seed), 'test'))
  return compare.ComparedModel('--flags', trained_as or label, found)


def compared(models, comparisons, primary='psnr', **planned):
  return {
    **compare.compare(models, comparisons, primary),
    **PLANNED,
    'paper': {'rows': {}, 'note': ''},
    **planned,
  }


@pytest.fixture
def two(tmp_path):
  return {
    'good': model(tmp_path, 'good', 22, range(6)),
    'bad': model(tmp_path, 'bad', 20, range(6)),
  }


def primary(content):
  return [result for result in content['comparisons'] if result['primary']]


def test_means_spread_and_runs(two):
  content = compared(two, [('good', 'bad')])
  totals = [run.measurements.per_image['psnr'].mean() for run in two['good'].runs]
  spread = content['models']['good']['metrics']['psnr']
  assert spread['mean'] == pytest.approx(np.mean(totals))
  assert spread['sd'] == pytest.approx(np.std(totals, ddof=1))
  assert (spread['min'], spread['max']) == pytest.approx((min(totals), max(totals)))
  assert [run['psnr'] for run in content['models']['good']['runs']] == pytest.approx(totals)
  assert set(content['baselines']) == {'mean_image', 'some_guess'}
  json.dumps(content, allow_nan=False)


def test_a_difference_is_paired_by_seed_and_by_image(two):
  (found,) = primary(compared(two, [('good', 'bad')]))
  # Equal seeds have equal noise here: every difference is 2, of every image.
  assert found['by_seed'] == pytest.approx([2] * 6) and found['difference'] == pytest.approx(2)
  assert found['interval']['low'] is None and 'same amount' in found['interval']['problem']
  assert found['p'] == found['p_holm'] == found['least_p'] == 2 / 64


def test_only_equal_seeds_are_compared(tmp_path):
  models = {'a': model(tmp_path, 'a', 21, (0, 2, 5)), 'b': model(tmp_path, 'b', 20, (2, 5, 7))}
  (found,) = primary(compared(models, [('a', 'b')]))
  assert found['seeds'] == [2, 5] and found['by_seed'] == pytest.approx([1, 1])
  assert found['p'] == 0.5
  models['b'] = model(tmp_path, 'c', 20, (7,))
  (found,) = primary(compared(models, [('a', 'b')]))
  assert found['difference'] is None and found['p'] is None
  assert 'no seed' in found['interval']['problem']


def test_holm_counts_the_comparisons(two, tmp_path):
  models = {**two, 'third': model(tmp_path, 'third', 21, range(6))}
  pairs = [('good', 'bad'), ('third', 'bad'), ('third', 'good')]
  content = compared(models, pairs)
  assert [result['p_holm'] for result in primary(content)] == pytest.approx([6 / 64] * 3)
  assert content['what_seeds_can_show'] == {
    'comparisons': 3,
    'seeds_needed_for_one': 6,
    'seeds_needed': 7,
  }
  text = tables.sentences(content)[0]
  assert 'good is better than bad by 2 dB in PSNR' in text and '6 of 6 agree' in text
  assert 'NOT shown' in text and 'it could not be' in text and '0.0312' in text


def test_words_of_a_shown_difference_and_of_a_lost_one(two):
  content = compared(two, [('good', 'bad'), ('bad', 'good')][:1])
  assert 'a difference is shown' in tables.sentences(content)[0]
  text = tables.sentences(compared(two, [('bad', 'good')]))[0]
  assert 'bad is worse than good by 2 dB' in text
  # For errors, lower is better.
  worse = tables.sentences(compared(two, [('bad', 'good')], primary='mse'))[0]
  assert 'MSE' in worse and ('equal to' in worse)


def test_a_lower_distance_is_better_and_a_ratio_has_no_direction(tmp_path):
  models = {}
  for label, distance, ratio in (('sharp', 3.0, 1.5), ('blurred', 9.0, 0.4)):
    per_image = made_up.values(0, 20)
    per_image['log_spectral_distance'] = distance + np.linspace(0, 1, made_up.N) ** distance
    per_image['gradient_ratio'] = np.full(made_up.N, ratio)
    models[label] = model(tmp_path, label, 20, range(2), per_image=per_image)
  content = compared(models, [('sharp', 'blurred')], primary='log_spectral_distance')
  assert 'sharp is better than blurred by' in tables.sentences(content)[0]
  header, row = tables.comparisons_table(content, primary=True)
  assert dict(zip(header, row))['better in'] == '2 of 2'
  rows = {row[1]: dict(zip(header, row)) for row in tables.comparisons_table(content, False)}
  assert rows['gradient ratio']['better in'] == '-'
  assert rows['gradient ratio']['difference'] == '+1.1'
  assert rows['PSNR']['better in'] == '0 of 2'
  comparison_page.render(content, models)


def test_interval_over_sequences(tmp_path):
  rng = np.random.default_rng(0)
  models = {}
  for label in 'ab':
    per_image = {name: rng.uniform(size=made_up.N) for name in made_up.METRICS}
    models[label] = model(tmp_path, label, 20, (0, 1), per_image=per_image)
  (found,) = primary(compared(models, [('a', 'b')]))
  first, second = (models[label].runs[0].measurements.per_image['psnr'] for label in 'ab')
  difference = first - second
  interval = found['interval']
  assert (
    interval['mean'] == pytest.approx(difference.mean()) == (pytest.approx(found['difference']))
  )
  assert interval['n_clusters'] == 4 and interval['low'] < interval['mean'] < interval['high']


def test_undefined_values_are_left_out_and_counted(tmp_path):
  models = {}
  for label in 'ab':
    per_image = made_up.values(ord(label), 20)
    per_image['psnr'][:2] = np.inf
    models[label] = model(tmp_path, label, 20, (0, 1), per_image=per_image)
    for run in models[label].runs:
      run.measurements.content['model'].update(psnr=20.0, correlation=None)
  content = compared(models, [('a', 'b')])
  (found,) = primary(content)
  assert found['interval']['left_out'] == 2 and found['interval']['n'] == made_up.N - 2
  (undefined,) = [r for r in content['comparisons'] if r['metric'] == 'correlation']
  assert undefined['difference'] is None and undefined['p'] is None
  assert content['models']['a']['metrics']['correlation']['mean'] is None
  json.dumps(content, allow_nan=False)
  comparison_page.render(content, models)


def test_one_seed_says_nothing_about_seeds(tmp_path):
  models = {'a': model(tmp_path, 'a', 21, [0]), 'b': model(tmp_path, 'b', 20, [0])}
  content = compared(models, [('a', 'b')])
  assert 'One seed says nothing' in tables.sentences(content)[0]
  assert content['models']['a']['metrics']['psnr']['sd'] is None


def test_models_that_lose_to_baselines_are_named(tmp_path):
  models = {'a': model(tmp_path, 'a', 15.5, [0])}
  assert 'a does NOT beat some_guess' in ' '.join(tables.sentences(compared(models, [])))


@pytest.mark.parametrize('mse, said', [(0.0, True), (1.0, False)])
def test_a_baseline_without_any_error_beats_every_model(tmp_path, mse, said):
  """Its PSNR is infinite, null in JSON; null with an error decides nothing."""
  models = {'a': model(tmp_path, 'a', 50, [0])}
  content = models['a'].runs[0].measurements.content
  content['baselines']['some_guess'].update(psnr=None, mse=mse)
  told = ' '.join(tables.sentences(compared(models, [])))
  assert ('a does NOT beat some_guess in PSNR' in told) == said


def test_an_unknown_primary_metric(two):
  with pytest.raises(UserError, match='ms_ssim'):
    compare.compare(two, [], 'ms_ssim')


@pytest.mark.parametrize(
  'seeds, expected', [((0,), 0), ((0, 1), 0), ((4, 1, 2), 2), ((0, 1, 2, 3), 1)]
)
def test_the_median_run(tmp_path, seeds, expected):
  assert compare.median_run(model(tmp_path, 'a', 20, seeds), 'psnr').config.train.seed == expected


def test_the_median_run_passes_over_undefined_figures(tmp_path):
  found = model(tmp_path, 'a', 20, (0, 1, 2))
  for run in found.runs[1:]:
    run.measurements.content['model']['psnr'] = None
  assert compare.median_run(found, 'psnr').config.train.seed in (1, 2)


def cells(markdown_line):
  return [cell.strip() for cell in markdown_line.strip('|').split('|')]


def test_table_one(two):
  models = {**two, 'alias': compare.ComparedModel('', 'bad', two['bad'].runs)}
  content = compared(models, [('good', 'bad')], paper=PAPER, missing=['good, seed 7'])
  text = comparison_page.markdown(content)
  lines = {cells(line)[0]: cells(line) for line in text.splitlines() if line.startswith('|')}
  header = lines['']
  assert header[2:7] == ['MSE', 'RMSE', 'PSNR', 'PSNR, pooled', 'UQI, sewar']
  assert lines['good'][1] == '6' and lines['good'][header.index('PSNR')].startswith('22.2')
  assert '±' in lines['good'][2]
  assert lines['alias (same as bad)'][2:] == lines['bad'][2:]
  paper = lines['the paper says: CycleGAN']
  assert paper[2:7] == ['923.9', '23.12', '35.56', '', '0.909']
  assert 'Copied.' in text and 'good, seed 7' in text and 'never on test' in text
  assert lines['baseline: some_guess'][header.index('correlation')] == '-'


def test_csv(two):
  content = compared(two, [('good', 'bad')], paper=PAPER)
  header, *rows = tables.csv_rows(content)
  rows = [dict(zip(header, row)) for row in rows]
  kinds = [key for key, _ in itertools.groupby(row['kind'] for row in rows)]
  assert kinds == ['model', 'run', 'model', 'run', 'baseline', 'paper']
  mean = content['models']['good']['metrics']['psnr']
  assert float(rows[0]['psnr']) == pytest.approx(mean['mean'], rel=1e-6)
  assert float(rows[0]['psnr_sd']) == pytest.approx(mean['sd'], rel=1e-3)
  assert [row['seed'] for row in rows if row['kind'] == 'run'] == [*range(6)] * 2


class Reader(html.parser.HTMLParser):
  """Pictures' sources, charts, and the tags left open."""

  def __init__(self):
    super().__init__()
    self.sources, self.charts, self.open = [], [], []

  def handle_starttag(self, tag, attrs):
    if tag == 'img':
      self.sources.append(dict(attrs)['src'])
    if tag == 'svg' and dict(attrs).get('role') == 'img':
      self.charts.append(dict(attrs)['aria-label'])
    if tag not in ('img', 'link', 'meta'):
      self.open.append(tag)

  def handle_endtag(self, tag):
    assert self.open.pop() == tag


def test_page(two, tmp_path):
  content = compared(
    {**two, 'none': compare.ComparedModel('', 'none', [])}, [('good', 'bad')], paper=PAPER
  )
  comparison_page.write(tmp_path, content, {**two, 'none': compare.ComparedModel('', 'none', [])})
  reader = Reader()
  text = (tmp_path / 'report.html').read_text()
  reader.feed(text)
  assert not reader.open
  # One chart of differences, two of curves, two of distributions, two pictures of each model.
  assert len(reader.charts) == 5 and len(reader.sources) == 4
  assert all(source.startswith('data:image/') for source in reader.sources)
  assert 'dB &lt;of images&gt;' in text and 'a difference is shown' in text
  assert json.loads((tmp_path / 'comparison.json').read_text())['models'].keys() == {
    'good',
    'bad',
    'none',
  }
  assert (tmp_path / 'comparison.md').exists() and (tmp_path / 'table.csv').exists()


def test_page_without_pictures_and_validation(tmp_path):
  found = model(tmp_path, 'a', 20, [0], pictures=False)
  (tmp_path / 'a' / '0' / 'validation.csv').unlink()
  found = compare.ComparedModel('', 'a', [runs.load(tmp_path / 'a' / '0', 'test')])
  text = comparison_page.render(compared({'a': found}, []), {'a': found})
  assert 'examples.png is missing' in text


@pytest.mark.parametrize(
  'value, digits, expected',
  [
    (None, 4, '-'),
    (4748.3, 4, '4748'),
    (12345.6, 4, '12346'),
    (0.012345, 3, '0.0123'),
    (1343.2, 2, '1343'),
    (-3214.2, 3, '-3214'),
    (0, 3, '0'),
  ],
)
def test_numbers_have_no_exponents(value, digits, expected):
  assert tables.number(value, digits) == expected
