"""The page of a comparison, used in Chromium as people use it."""

import pytest

from cyclegan_jax.reports import comparison_page
from tests.comparison import made_up
from tests.comparison.made_up import compared
from tests.reports.test_comparison_page import with_pictures

CSS = 'css selector'
LONG = 'bad_with_a_name_that_goes_on_and_on_and_on_until_no_line_holds_it'


@pytest.fixture(scope='module', name='folder')
def _folder(tmp_path_factory):
  folder = tmp_path_factory.mktemp('a <comparison>')
  models = {'good': made_up.model(folder, 'good', 22, (0, 1))}
  models[LONG] = made_up.model(folder, LONG, 20, (0, 1))
  comparison_page.write(folder, compared(with_pictures(models), [('good', LONG)]), models)
  return folder


@pytest.fixture(name='page')
def _page(browser, folder):
  browser.open((folder / 'report.html').as_uri())
  return browser


def test_nothing_is_asked_for_and_nothing_is_cut_off(browser, folder):
  address = (folder / 'report.html').as_uri()
  for width in (1440, 900, 390):
    browser.size(width, 900)
    browser.open(address)
    messages, addresses = browser.logged()
    assert messages == []
    assert all(url == address or url.startswith('data:') for url in addresses)
    assert browser.run('return document.documentElement.scrollWidth') <= width
  browser.size(1440, 900)
  wide = browser.run(
    'return Array.from(document.querySelectorAll(".scroll, .cut")).filter('
    'box => box.checkVisibility() && box.scrollWidth > box.clientWidth).map(box => box.innerText)'
  )
  # But for the name that no line holds; tip.js shows the whole of it.
  assert all(text.endswith(LONG) for text in wide)
  # One line for each name of a baseline.
  heights = browser.run(
    'return Array.from(document.querySelectorAll("#models tbody tr"), row => row.clientHeight)'
  )
  assert max(heights) < 45
  assert browser.find(CSS, '.answer').rect['y'] < 300


def test_models_stand_side_by_side_and_under_the_slider(page):
  figures = page.driver.find_elements(CSS, '.gallery > .current figure')
  assert [figure.text.split()[0] for figure in figures] == ['RGB', 'true', 'good', LONG]
  assert len({figure.rect['y'] for figure in figures}) == 1
  name = page.find(CSS, '.gallery > .current .cut').text
  page.find(CSS, '.choose [aria-label="Next image"]').click()
  assert page.find(CSS, '.gallery > .current .cut').text != name
  slider = next(b for b in page.driver.find_elements(CSS, '.choose button') if b.text == 'Slider')
  slider.click()
  left, right = page.driver.find_elements(CSS, '.choose select')
  assert [option.text for option in left.find_elements(CSS, 'option')] == [
    *('RGB', 'true IR', 'good', LONG)
  ]
  right.send_keys('bad')
  sides = page.driver.find_elements(CSS, '.gallery > .current .sides span')
  assert [side.get_property('textContent') for side in sides] == ['good', LONG]


def test_copying(page, folder):
  page.run(
    'Object.defineProperty(navigator, "clipboard", {configurable: true, value: '
    '{writeText: async (text) => { window.copied = text; }}})'
  )
  for kind, file in (('latex', 'table.tex'), ('csv', 'table.csv')):
    page.find(CSS, f'[data-copy={kind}]').click()
    assert page.run('return window.copied') == (folder / file).read_text()
    assert 'copied.' in page.find(CSS, '#copied').text


@pytest.mark.parametrize('clipboard', ['undefined', '{writeText: () => Promise.reject("no")}'])
def test_where_copying_is_refused_the_text_is_selected(page, folder, clipboard):
  page.run(
    f'Object.defineProperty(navigator, "clipboard", {{configurable: true, value: {clipboard}}})'
  )
  assert not page.find(CSS, '#csv').is_displayed()
  page.find(CSS, '[data-copy=csv]').click()
  assert page.find(CSS, '#csv').is_displayed()
  selected = page.run('return getSelection().toString()')
  assert selected.strip() == (folder / 'table.csv').read_text().strip()
  assert 'Ctrl+C' in page.find(CSS, '#copied').text
  assert page.logged()[0] == []
