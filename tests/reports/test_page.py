"""Parts of pages: what is escaped, what is embedded, what the policy lets run."""

import base64
import hashlib
import html.parser
import io
import re

import jinja2
import numpy as np
import PIL.Image
import pytest

from cyclegan_jax.reports import charts, page

EVIL = '<script>alert("x")</script> & \' "'


def rendered(call, **values):
  """What a call of a macro gives, such as 'listed(texts)'."""
  source = "{% import 'macros.html' as ui %}{{ ui." + call + ' }}'
  return page.environment().from_string(source).render(values)


def document(title='t', scripts=()):
  return page.document('base.html', scripts, title=title)


def embedded(text):
  """The pictures of a page."""
  return [
    PIL.Image.open(io.BytesIO(base64.b64decode(data)))
    for data in re.findall(r'data:image/\w+;base64,([^"]+)"', text)
  ]


class Texts(html.parser.HTMLParser):
  """Tags, attributes and texts as a browser understands them."""

  def __init__(self, source):
    super().__init__()
    self.tags, self.texts = [], []
    self.feed(source)

  def handle_starttag(self, tag, attrs):
    self.tags.append((tag, dict(attrs)))

  def handle_data(self, data):
    self.texts.append(data)


def test_texts_are_escaped_wherever_they_stand():
  picture = page.picture(np.zeros((4, 4, 3), np.uint8))
  section = "{% import 'macros.html' as ui %}{% call ui.section('a', evil) %}<p></p>{% endcall %}"
  table = "table([['', evil], [evil, evil]], evil, sortable=true, links={evil: '#' ~ evil})"
  for part in (
    rendered('listed([evil])', evil=EVIL),
    page.environment().from_string(section).render(evil=EVIL),
    rendered(table, evil=EVIL),
    rendered('figure(picture, evil, evil)', picture=picture, evil=EVIL),
    rendered('image(picture, evil)', picture=picture, evil=EVIL),
    rendered('chart(chart)', chart=charts.lines({EVIL: ([1, 2], [3, 4])}, EVIL, EVIL, EVIL)),
    rendered('chart(chart)', chart=charts.boxes({EVIL: np.arange(3.0)}, EVIL, EVIL)),
  ):
    read = Texts(part)
    assert 'script' not in [tag for tag, _ in read.tags]
    found = ''.join(read.texts) + ''.join(str(attrs) for _, attrs in read.tags)
    assert 'alert("x")' in found.replace("\\'", "'")
  assert Texts(document(EVIL)).tags.count(('script', {})) == 0


def test_a_value_that_a_template_lacks_is_an_error():
  with pytest.raises(jinja2.UndefinedError, match='title'):
    page.document('base.html')


def test_the_policy_allows_the_pages_own_styles_and_scripts_alone(monkeypatch):
  assets = {
    'style.css': 'p > b { color: red; }',
    'a.js': 'let a = 1;',
    'b.js': "const b = '<b>é</b>';",
  }
  monkeypatch.setattr(page, 'asset', lambda name: assets.get(name, f'/* {name} > */'))
  text = document(scripts=['a.js', 'b.js'])
  policy = dict(
    part.strip().split(' ', 1)
    for part in next(
      attrs['content'] for tag, attrs in Texts(text).tags if 'content' in attrs
    ).split(';')
  )
  assert policy['default-src'] == "'none'" and policy['img-src'] == 'data:'

  def digests(tag):
    return ' '.join(
      f"'sha256-{base64.b64encode(hashlib.sha256(found.encode()).digest()).decode()}'"
      for found in re.findall(f'<{tag}>(.*?)</{tag}>', text, re.DOTALL)
    )

  assert policy['style-src'] == digests('style')
  assert policy['script-src'] == digests('script') and policy['script-src'].count('sha256') == 2
  assert "script-src 'none'" in document()


def test_a_table_has_scopes_and_buttons():
  text = rendered("table([['', 'a'], ['x', '1'], ['y', '2']], 'l', ['model'], sortable=true)")
  tags = Texts(text).tags
  assert [attrs.get('scope') for tag, attrs in tags if tag == 'th'] == ['col', 'row', 'row']
  assert [attrs for tag, attrs in tags if tag == 'tr'] == [{}, {'class': 'model'}, {}]
  # A heading without a name is none, and cannot be pressed.
  assert sum(tag == 'button' for tag, _ in tags) == 1
  assert ('div', {'class': 'scroll', 'role': 'region', 'tabindex': '0', 'aria-label': 'l'}) in tags


@pytest.mark.parametrize(
  'shape, expected',
  [
    ((10, 30, 3), (30, 10)),
    ((50, 200, 3), (100, 25)),
    ((1, 1, 1), (1, 1)),
    ((1, 5000, 3), (100, 1)),
  ],
)
def test_a_photograph_is_reduced_to_its_width(shape, expected):
  rng = np.random.default_rng(0)
  # Smooth: JPEG does not keep noise.
  pixels = np.broadcast_to(rng.integers(0, 256, 3, np.uint8)[: shape[2]], shape)
  reduced = page.picture(pixels, width=100, quality=95)
  text = rendered("figure(picture, 'what')", picture=reduced)
  (picture,) = embedded(text)
  assert picture.format == 'JPEG' and picture.size == expected
  assert f'width="{expected[0]}" height="{expected[1]}"' in text
  difference = np.asarray(picture).reshape(-1, shape[2]).astype(int) - pixels[0, 0]
  assert np.abs(difference).max() <= 3


def test_a_table_folds_all_but_its_main_columns_and_explains_them():
  rows = [['', 'PSNR', 'MSE', 'SSIM'], ['x', '1', '2', '3']]
  tips = {'PSNR': 'in "dB"', 'MSE': 'squared'}
  text = rendered("table(rows, 'l', main=['PSNR', 'SSIM'], tips=tips)", rows=rows, tips=tips)
  tags = Texts(text).tags
  assert [attrs for tag, attrs in tags if tag == 'td'] == [{}, {}, {'class': 'more'}, {}]
  folded = [attrs.get('class') for tag, attrs in tags if tag == 'th' and attrs['scope'] == 'col']
  assert folded == [None, 'more', None]
  assert [attrs['data-tip'] for tag, attrs in tags if tag == 'button'] == ['in "dB"', 'squared']
  assert 'All 3 columns' in text and 'More' not in rendered("table(rows, 'l')", rows=rows)
  sorted_by = "table(rows, 'l', sortable=true, sorted=('MSE', 'ascending'))"
  assert re.findall('aria-sort="(.*?)"', rendered(sorted_by, rows=rows)) == [
    *('none', 'ascending', 'none')
  ]


@pytest.mark.parametrize('state, sign', [('good', '✓'), ('bad', '✗'), ('', '')])
def test_a_card_answers_in_words_and_color(state, sign):
  text = rendered('card(state, answer, detail)', state=state, answer='<b>', detail='<i>')
  assert ('div', {'class': f'card {state}'.strip()}) in Texts(text).tags
  assert Texts(text).tags.count(('b', {})) == 0 and (sign in text) and '&lt;i&gt;' in text
  assert ('✓' in text or '✗' in text) == bool(state)


def test_a_command_breaks_between_words_only():
  words = ['python', '-m', 'experiments.train', '--workdir=a b']
  tags = Texts(rendered('command(text)', text=' '.join(words)))
  assert ''.join(tags.texts).strip() == ' '.join(words)
  assert [text for text in tags.texts if text.strip()] == ' '.join(words).split(' ')


def luminance(color):
  """Relative luminance after WCAG 2."""
  srgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
  linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
  return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(a, b):
  low, high = sorted((luminance(a), luminance(b)))
  return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_contrast(scheme):
  assert contrast('#000000', '#ffffff') == pytest.approx(21)
  blocks = re.findall(r':root \{(.*?)\}', page.asset('style.css'), re.DOTALL)
  assert len(blocks) == 2
  colors = dict(re.findall(r'--(\w+): (#\w{6})', blocks[scheme == 'dark']))
  for ground in ('ground', 'card', 'shade', 'marked'):
    for text in ('ink', 'soft', 'accent'):
      assert contrast(colors[text], colors[ground]) >= 4.5, (text, ground)
  # Lines, and the edges of notes, have to be told from the ground: 3 is enough.
  for line in ('good', 'bad', *(f's{i}' for i in range(6))):
    assert contrast(colors[line], colors['card']) >= 3, line
