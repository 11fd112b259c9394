"""The page of comparisons of made-up runs."""

import html.parser
import json

import pytest

from cyclegan_jax.comparison import compare, runs
from cyclegan_jax.reports import comparison_page
from tests.comparison import made_up
from tests.comparison.made_up import compared, model, PAPER


@pytest.fixture(name='two')
def _two(tmp_path):
  return made_up.two(tmp_path)


def cells(markdown_line):
  return [cell.strip() for cell in markdown_line.strip('|').split('|')]


def test_table_one(two):
  models = {**two, 'alias': compare.ComparedModel('', 'bad', two['bad'].runs)}
  content = compared(models, [('good', 'bad')], paper=PAPER, missing=['good, seed 7'])
  text = comparison_page.markdown(content)
  lines = {cells(line)[0]: cells(line) for line in text.splitlines() if line.startswith('|')}
  header = lines['']
  assert header[2:7] == ['PSNR', 'PSNR, pooled', 'SSIM', 'UQI', 'UQI, sewar']
  assert lines['good'][1] == '6' and lines['good'][header.index('PSNR')].startswith('**22.2')
  assert '±' in lines['good'][2]
  assert lines['alias (same as bad)'][2] == lines['bad'][2]
  paper = dict(zip(header, lines['the paper says: CycleGAN']))
  assert paper['MSE'] == '923.9' and paper['PSNR'] == '35.56' and paper['PSNR, pooled'] == ''
  assert 'Copied.' in text and 'good, seed 7' in text and 'never on test' in text
  assert lines['baseline: some_guess'][header.index('correlation')] == '-'


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
  assert 'dB &lt;of images&gt;' in text and 'in all six seeds; shown' in text
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
