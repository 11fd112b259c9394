"""The page and the Markdown of comparisons of made-up runs."""

import configparser
import csv
import html.parser
import json
import re

import numpy as np
import pytest
import yaml

from cyclegan_jax.comparison import compare, runs, tables
from cyclegan_jax.reports import comparison_gallery, comparison_page, gallery, page
from tests.comparison import made_up
from tests.comparison.made_up import compared, model, PAPER
from tests.conftest import REPOSITORY

SIZE = (16, 24)


@pytest.fixture(name='two')
def _two(tmp_path):
  return made_up.two(tmp_path)


def with_pictures(models, indices=range(made_up.N)):
  """Gives each run strips whose pictures are of one gray: 10 times the row, plus the model's."""
  for i, found in enumerate(models.values()):
    for run in found.runs:
      gray = lambda level: np.full((*SIZE, 3), level, np.uint8)
      strips = {j: lambda j=j, i=i: [gray(10 * j + k * (i + 1)) for k in range(4)] for j in indices}
      gallery.write(run.measured.folder, strips)
  return models


def cells(markdown_line):
  return [cell.strip() for cell in markdown_line.strip('|').split('|')]


def test_markdown(two):
  models = {**two, 'alias': compare.ComparedModel('', 'bad', two['bad'].runs)}
  content = compared(models, [('good', 'bad')], paper=PAPER, missing=['good, seed 7'])
  text = comparison_page.markdown(content)
  lines = {cells(line)[0]: cells(line) for line in text.splitlines() if line.startswith('|')}
  header = lines['']
  assert header[2:7] == ['PSNR', 'PSNR, pooled', 'SSIM', 'UQI', 'UQI, sewar']
  assert lines['good'][1] == '6' and lines['good'][2].startswith('**22.2')
  assert '±' in lines['good'][2]
  assert lines['alias (same as bad)'][2] == lines['bad'][2]
  paper = dict(zip(header, lines['the paper says: CycleGAN']))
  assert paper['MSE'] == '923.9' and paper['PSNR'] == '35.56' and paper['PSNR, pooled'] == ''
  assert 'Copied.' in text and 'good, seed 7' in text and 'never on test' in text
  assert lines['baseline: some_guess'][header.index('correlation')] == '-'
  assert text.splitlines()[2].startswith('- good leads with 22.2')


class Reader(html.parser.HTMLParser):
  """Pictures' sources, charts, links, and the tags left open."""

  def __init__(self):
    super().__init__()
    self.sources, self.charts, self.links, self.open = [], [], [], []

  def handle_starttag(self, tag, attrs):
    attributes = dict(attrs)
    if tag == 'img':
      self.sources.append(attributes['src'])
    if tag == 'a':
      self.links.append(attributes['href'])
    if tag == 'svg' and attributes.get('role') == 'img':
      self.charts.append(attributes['aria-label'])
    if tag not in ('img', 'link', 'meta', 'input'):
      self.open.append(tag)

  def handle_endtag(self, tag):
    assert self.open.pop() == tag


def read(text):
  reader = Reader()
  reader.feed(text)
  assert not reader.open
  return reader


def test_page(two, tmp_path):
  models = {**with_pictures(two, range(4)), 'none': compare.ComparedModel('', 'none', [])}
  (tmp_path / 'good' / '2' / 'report.html').touch()
  content = compared(models, [('good', 'bad')], paper=PAPER)
  comparison_page.write(tmp_path, content, models)
  text = (tmp_path / 'report.html').read_text()
  reader = read(text)
  # Where the models stand, their differences, two of curves, two of distributions.
  assert len(reader.charts) == 6
  # Four images: RGB, true IR, and one of each model.
  assert len(reader.sources) == 4 * 4
  assert all(source.startswith('data:image/') for source in reader.sources)
  # Of the model's page, and of the picture's.
  assert [link for link in reader.links if not link.startswith('#')] == ['good/2/report.html'] * 2
  assert 'dB &lt;of images&gt;' in text and 'in all six seeds; shown' in text
  assert f'<h1>{tmp_path.name}: good and bad</h1>' in text
  stored = json.loads((tmp_path / 'comparison.json').read_text())
  assert stored['models'].keys() == {'good', 'bad', 'none'}
  assert (tmp_path / 'comparison.md').exists() and (tmp_path / 'table.csv').exists()


def test_the_answer_is_first(two, tmp_path):
  text = comparison_page.render(compared(two, [('good', 'bad')]), two, tmp_path)
  first = text[text.index('<main') :]
  assert first.index('good leads with') < first.index('good against bad') < first.index('<table')
  assert 'class="card good"' in first


def test_the_same_images_of_all_models_are_chosen_by_their_mean(two):
  # The first half has pictures; made-up PSNR rises with the row, and so does the score.
  found = comparison_gallery.items(with_pictures(two, range(6)), 'psnr')
  names = [item['name'] for item in found]
  assert len(set(names)) == 6 and [item['badge'] for item in found[:3]] == [
    *('Worst', 'Median', 'Best')
  ]
  run = two['good'].runs[0].measured
  scores = dict(
    zip(
      run.ids,
      np.mean(
        [gallery.scores(run.measured.per_image) for m in two.values() for run in m.runs], axis=0
      ),
    )
  )
  with_files = [f'place{i // 3}/image{i}' for i in range(6)]
  assert names[0] == min(with_files, key=lambda name: scores[name])
  assert names[2] == max(with_files, key=lambda name: scores[name])
  for item in found:
    assert [layer['name'] for layer in item['layers']] == ['RGB', 'true IR', 'good', 'bad']
    assert [layer.get('is_best') for layer in item['layers'][2:]] == [True, False]


def test_strips_are_found_though_runs_are_sorted_by_id(two):
  """Number 11 of the file is another image than the eleventh by id: image2 follows image11."""
  places = comparison_gallery._with_pictures(with_pictures(two, [2, 11])['good'].runs[0])
  assert places == {'place0/image2': 2, 'place3/image11': 11}


def test_images_that_a_model_has_no_picture_of_are_left_out(two):
  with_pictures({'good': two['good']}, range(4))
  with_pictures({'bad': two['bad']}, range(2, 6))
  names = {item['name'] for item in comparison_gallery.items(two, 'psnr')}
  assert names == {'place0/image2', 'place1/image3'}
  with_pictures({'bad': two['bad']}, [])
  assert comparison_gallery.items(two, 'psnr') == []


@pytest.mark.parametrize(
  'n, words',
  [(1, 'seed 0'), (2, 'seed 0, the lower of two'), (3, 'seed 1, next to the median of 3')],
)
def test_which_seed_is_shown(tmp_path, n, words):
  found = model(tmp_path, 'a', 20, range(n))
  assert comparison_gallery.which_seed(found, compare.median_run(found, 'psnr')) == words


def test_nothing_is_drawn_from_one_point(tmp_path):
  models = {label: model(tmp_path, label, 20, [0]) for label in 'ab'}
  for label in 'ab':
    file = tmp_path / label / '0' / 'validation.csv'
    file.write_text('\n'.join(file.read_text().splitlines()[:2]) + '\n')
    models[label] = compare.ComparedModel('', label, [runs.load(tmp_path / label / '0', 'test')])
  content = compared(models, [('a', 'b')])
  # Equal differences everywhere have no interval, so one seed is one point.
  assert comparison_page._differences(content) is None
  assert comparison_page._curves(models, 'psnr') is None
  for found in models.values():
    found.runs[0].measured.per_image['psnr'][1:] = np.nan
  assert comparison_page._boxes(models, 'psnr') is None
  reader = read(comparison_page.render(content, models, tmp_path))
  assert len(reader.charts) == 2  # Where they stand, and the SSIM of single images.


def test_seeds_are_circles_in_the_bars(two):
  chart = comparison_page._standing(compared(two, []), two)
  circles = [mark for mark in chart.marks if mark.tag == 'circle']
  assert len(circles) == 2 * 6
  assert re.fullmatch(r'good: 2[12]\.\d+ dB with one seed', circles[0].text)


def test_a_page_without_pictures_and_validation(tmp_path):
  model(tmp_path, 'a', 20, [0], pictures=False)
  (tmp_path / 'a' / '0' / 'validation.csv').unlink()
  found = compare.ComparedModel('', 'a', [runs.load(tmp_path / 'a' / '0', 'test')])
  text = comparison_page.render(compared({'a': found}, []), {'a': found}, tmp_path)
  assert 'id="gallery"' not in text and 'id="training"' not in text
  assert 'href="#gallery"' not in text and 'a has ' in text


def test_a_metric_without_a_direction_leads_nowhere(two, tmp_path):
  for found in two.values():
    for run in found.runs:
      run.measured.content['model']['gradient_ratio'] = 0.5
  content = compared(two, [('good', 'bad')], primary='gradient_ratio')
  text = comparison_page.render(content, two, tmp_path)
  assert 'gradient ratio has no better direction' in text


def test_what_is_copied_is_what_the_files_hold(two, tmp_path):
  comparison_page.write(tmp_path, compared(two, [('good', 'bad')]), two)
  text = (tmp_path / 'report.html').read_text()
  kinds = (('latex', 'table.tex'), ('csv', 'table.csv'), ('bibtex', 'references.bib'))
  for name, file in kinds:
    shown = re.search(f'<pre id="{name}"[^>]*>(.*?)</pre>', text, re.DOTALL)
    assert html.unescape(shown[1]) == (tmp_path / file).read_text()
  rows = [*csv.reader((tmp_path / 'table.csv').read_text().splitlines())]
  assert len(rows) == 1 + 2 * 7 + 2


def test_what_to_cite_is_the_same_everywhere():
  bibtex = page.asset('references.bib')
  assert bibtex in (REPOSITORY / 'docs' / 'how-to' / 'compare.md').read_text()
  cited = yaml.safe_load((REPOSITORY / 'CITATION.cff').read_text())
  (paper,) = cited['references']
  plain = re.sub('[{}]', '', bibtex)
  for text in (cited['title'], f'Version {cited["version"]}', paper['title'], paper['isbn']):
    assert text in plain
  metadata = configparser.ConfigParser()
  metadata.read(REPOSITORY / 'setup.cfg')
  assert cited['version'] == metadata['metadata']['version']


def test_a_commit_that_is_not_known(two):
  content = {**compared(two, [('good', 'bad')]), 'commits': [None]}
  assert tables.made_with(content) == 'Commit unknown. jax 1.2.3.'
