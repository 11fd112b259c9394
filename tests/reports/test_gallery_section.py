"""Which examples the gallery of a run's page shows, and where their pictures are."""

import io
import json
import re

import numpy as np
import PIL.Image
import pytest

from cyclegan_jax.reports import gallery, gallery_section, image_grid, page, run_page
from cyclegan_jax.runs import reader
from tests.comparison.made_up import N
from tests.reports import made_up
from tests.reports.test_page import embedded


@pytest.fixture
def run(tmp_path):
  """A measured run of 30 steps."""
  made_up.write(tmp_path / 'run', paired=True)
  return tmp_path / 'run'


def overall(run):
  """What ranks the examples of a run, by hand."""
  found = reader.read([run], 'test')[0].measured.per_image
  return found['psnr'] / 20 + found['ssim'] + found['correlation']


def test_worst_median_and_best_come_first_with_badges(run):
  text = run_page.render(reader.read([run], 'test'), 'test', None)
  found = re.findall(
    r'<li id="example-\d+".*?<h3>(?:<span class="badge \w+">(\w+)</span>)?<span class="cut">'
    r'place\d/image(\d+)</span></h3>',
    text,
    re.DOTALL,
  )
  names = [int(name) for _, name in found]
  scores = overall(run)
  assert [badge for badge, _ in found] == ['Worst', 'Median', 'Best'] + [''] * (N - 3)
  assert names[0] == np.argmin(scores) and names[2] == np.argmax(scores)
  assert sorted(names) == [*range(N)]
  middle = np.abs(scores - np.median(scores))
  inner = [i for i in range(N) if i not in (names[0], names[2])]
  assert names[1] == min(inner, key=middle.__getitem__)
  rest = scores[names[3:]]
  assert (np.diff(rest) >= 0).all()
  # The median example is at the top, too.
  assert text.count(f'place{names[1] // 3}/image{names[1]}</span>') == 2


@pytest.mark.parametrize(
  'n, badges', [(0, []), (1, ['']), (2, ['Worst', 'Best']), (3, ['Worst', 'Median', 'Best'])]
)
def test_few_examples(run, n, badges):
  runs = reader.read([run], 'test')
  assert [example.badge for example in gallery_section.examples(runs, n)] == badges
  text = run_page.render(runs, 'test', n)
  # Four pictures of each, and of the median at the top.
  assert text.count('data:image') == 4 * (n + (1 if n in (1, 3) else 0))
  assert ('No pictures: --gallery=0' in text) == (n == 0)


def test_undefined_figures_rank_last(run):
  made_up.rewrite(run, lambda rows: rows[4].update(psnr='nan'))
  first = gallery_section.examples(reader.read([run], 'test'), N)[0]
  assert first.name.endswith('image4') and first.badge == 'Worst'
  only = {'psnr': np.array([1.0, np.inf, np.nan])}
  np.testing.assert_array_equal(gallery.scores(only), [1, np.inf, -np.inf])


def test_strips_are_source_generated_true_error(run):
  (first, *_) = gallery_section.examples(reader.read([run], 'test'), 3)
  (item,) = gallery_section.items([first], False, lambda _, encoded: page.embedded(encoded))
  assert [layer['kind'] for layer in item['layers']] == ['source', 'generated', 'true', 'error']
  assert [layer['name'] for layer in item['layers']] == ['RGB', 'generated IR', 'true IR', 'error']
  for layer, color in zip(item['layers'], made_up.COLORS):
    (picture,) = embedded(f'{layer["picture"].source}"')
    # Gray levels are exact.
    tolerance = 0 if layer['kind'] in ('generated', 'true') else 4
    pixels = np.asarray(picture.convert('RGB')).astype(int)
    assert np.abs(pixels - color).max() <= tolerance and pixels.shape == (*made_up.SIZE, 3)


@pytest.mark.parametrize(
  'flags, expected',
  [
    ({}, {'most': 255}),
    (
      {'ir_range': '-20:120,degC'},
      {'most': 255, 'low': -20, 'high': 120, 'unit': '°C', 'step': 'K'},
    ),
    ({'ir_span': '7000:8200'}, {'most': 255}),
  ],
)
def test_gray_levels_have_units_where_these_are_known(tmp_path, flags, expected):
  made_up.write(tmp_path / 'run', **flags)
  text = run_page.render(reader.read([tmp_path / 'run'], 'test'), 'test', 1)
  scales = {found.replace('&#34;', '"') for found in re.findall('data-scale="(.*?)"', text)}
  assert [json.loads(scale) for scale in scales] == [expected]
  # The end of the color bar: half of the range.
  assert ('≥ 70 K' if 'low' in expected else '≥ 128 levels') in text


def test_the_color_bar_has_the_colors_of_the_map():
  ramp = re.search(r'linear-gradient\(90deg, (.*?)\);', page.asset('gallery.css'), re.DOTALL)
  colors = re.findall(r'rgb\((\d+) (\d+) (\d+)\)', ramp.group(1))
  assert [tuple(map(int, color)) for color in colors] == [*image_grid.ERROR_COLORS]


def test_all_pictures_are_files_beside_the_page(run):
  output = run / 'odd name.html'
  said = run_page.write([run], output, 'test', None)
  text = output.read_text()
  files = sorted(file.name for file in (run / 'odd name_files').iterdir())
  assert str(output) in said and len(files) == 4 * N
  assert files[:4] == ['000000-0.jpeg', '000000-1.webp', '000000-2.webp', '000000-3.jpeg']
  sources = re.findall('src="(.*?)"', text)
  assert set(sources) == {f'odd%20name_files/{name}' for name in files}
  assert 'data:image' not in text and "img-src data: 'self';" in text
  assert all('loading="lazy"' in tag for tag in re.findall('<img.*?>', text))
  data = (run / 'odd name_files' / '000000-1.webp').read_bytes()
  generated = np.asarray(PIL.Image.open(io.BytesIO(data)).convert('L'))
  assert (generated == made_up.COLORS[1][0]).all()
  # A page with its pictures inside needs no folder; files of others stay.
  (run / 'odd name_files' / 'mine.jpeg').touch()
  run_page.write([run], output, 'test', 3)
  assert [file.name for file in (run / 'odd name_files').iterdir()] == ['mine.jpeg']
  assert 'img-src data:;' in output.read_text()
  (run / 'odd name_files' / 'mine.jpeg').unlink()
  run_page.write([run], output, 'test', 3)
  assert not (run / 'odd name_files').exists()


@pytest.mark.slow
def test_a_thousand_images_make_a_small_page(run):
  folder = run / 'evaluation' / 'test'
  header, row, *_ = (folder / 'per_image.csv').read_text().splitlines()
  rows = [row.replace('image0', f'image{i}') for i in range(1000)]
  (folder / 'per_image.csv').write_text('\n'.join([header, *rows]) + '\n')
  strip = (folder / 'gallery' / '000000.png').read_bytes()
  for i in range(1000):
    (folder / 'gallery' / f'{i:06}.png').write_bytes(strip)
  run_page.write([run], run / 'page.html', 'test', None)
  assert len([*(run / 'page_files').iterdir()]) == 4000
  assert (run / 'page.html').stat().st_size < 4e6
