"""The page about runs, used in Chromium as people use it."""

import base64
import re
from urllib.parse import quote

import pytest

from cyclegan_jax.comparison import compare, runs
from cyclegan_jax.reports import comparison_page, page, run_page
from tests.comparison import made_up as comparison_runs
from tests.comparison.made_up import N
from tests.reports import made_up

support = pytest.importorskip('selenium.webdriver.support.ui', reason='needs selenium')
CSS = 'css selector'
IMAGES = '#images table'


def test_the_page_of_a_comparison_asks_for_nothing_either(browser, tmp_path):
  models = {}
  for level, label in enumerate(('a <b>', 'b')):
    folders = [tmp_path / label / str(seed) for seed in range(3)]
    for seed, folder in enumerate(folders):
      comparison_runs.write(folder, comparison_runs.config(seed), 20.0 + level)
    found = [runs.load(folder, 'test') for folder in folders]
    models[label] = compare.ComparedModel('', label, found)
  content = compare.compare(models, [('a <b>', 'b')], 'psnr')
  content |= {'dataset': 'd', 'common_flags': [], 'history': [], 'missing': []}
  content |= {'paper': {'rows': {}, 'note': ''}}
  comparison_page.write(tmp_path, content, models)
  address = (tmp_path / 'report.html').as_uri()
  browser.open(address)
  messages, addresses = browser.logged()
  assert messages == [] and all(url == address or url.startswith('data:') for url in addresses)
  inks = []
  for scheme in ('light', 'dark'):
    browser.prefer(scheme)
    line = browser.find(CSS, 'svg[role=img] path.s1')
    inks.append(line.value_of_css_property('stroke'))
  assert inks == ['rgb(179, 72, 11)', 'rgb(242, 149, 90)']
  assert len(browser.driver.find_elements(CSS, 'path.thin')) == 2 * 2 * 3
  browser.size(320, 700)
  assert browser.run('return document.documentElement.scrollWidth') <= 320


def column(browser, number):
  return browser.run(
    'return Array.from(document.querySelector(arguments[0]).tBodies[0].rows, '
    'row => row.cells[arguments[1]].textContent)',
    IMAGES,
    number,
  )


def sorted_by(browser):
  return {
    head.text: head.get_attribute('aria-sort')
    for head in browser.driver.find_elements(CSS, f'{IMAGES} th[aria-sort]')
    if head.get_attribute('aria-sort') != 'none'
  }


def test_nothing_is_asked_for_and_nothing_complained_of(browser, report):
  browser.open(report)
  messages, addresses = browser.logged()
  assert messages == []
  assert report in addresses and all(
    address == report or address.startswith('data:') for address in addresses
  )
  assert browser.find(CSS, 'h1').text == 'Runs: a <b>run<, other'


def test_columns_sort_by_click_and_by_keyboard(browser, report):
  browser.open(report)
  names = column(browser, 0)
  heads = browser.driver.find_elements(CSS, f'{IMAGES} th[aria-sort] button')
  number = next(i for i, head in enumerate(heads) if head.text.startswith('PSNR, a'))
  # The worst come first; what is no number comes last, either way.
  values = column(browser, number)
  assert values[-1] == '-' and values[-2] == '∞' and len(values) == N
  numbers = [float(value) for value in values[:-2]]
  assert numbers == sorted(numbers) and len(set(numbers)) > 5
  assert list(sorted_by(browser).values()) == ['ascending']
  heads[number].send_keys('\ue007')  # Enter.
  values = column(browser, number)
  assert values[-1] == '-' and values[0] == '∞'
  assert [float(value) for value in values[1:-1]] == numbers[::-1]
  assert list(sorted_by(browser).values()) == ['descending']
  assert 'descending' in browser.find(CSS, '#images [role=status]').get_property('textContent')
  # With a view of a few rows, sorting returns to the first one.
  browser.run('document.styleSheets[0].insertRule(".scroll { max-height: 9rem !important }")')
  region = browser.find(CSS, '#images .scroll')
  browser.run('arguments[0].scrollTop = 100', region)
  assert browser.run('return arguments[0].scrollTop', region) == 100
  heads[0].send_keys(' ')
  assert browser.run('return arguments[0].scrollTop', region) == 0
  # image2 before image10.
  assert column(browser, 0) == sorted(names, key=lambda name: int(name.rpartition('image')[2]))
  assert len(sorted_by(browser)) == 1


def test_a_narrow_screen_needs_no_sideways_scrolling(browser, report):
  browser.size(390, 700)
  browser.open(report)
  folded = browser.find(CSS, '#results td.more')
  assert not folded.is_displayed()
  browser.find(CSS, '#results .unfold').click()
  assert folded.is_displayed()
  region = browser.find(CSS, '#results .scroll')
  for width in (320, 390):
    browser.size(width, 700)
    assert browser.run('return document.documentElement.scrollWidth') <= width
    assert browser.run('return arguments[0].scrollWidth', region) > width
  # The names stay.
  name = browser.find(CSS, '#results tbody th')
  left = name.rect['x']
  browser.run('arguments[0].scrollLeft = 150', region)
  assert browser.run('return arguments[0].scrollLeft', region) == 150 and name.rect['x'] == left


def test_long_names_are_cut_and_shown_whole_when_pointed_at(browser, tmp_path):
  made_up.write(tmp_path / ('a_long_name' * 12))
  run = tmp_path / ('a_long_name' * 12)
  long = 'some/folder/of_many_words' * 5
  made_up.rewrite(run, lambda rows: [row.update(id=long + row['id']) for row in rows])
  run_page.write([run], tmp_path / 'page.html', 'test', 3)
  browser.size(390, 700)
  browser.open((tmp_path / 'page.html').as_uri())
  assert browser.run('return document.documentElement.scrollWidth') <= 390
  names = '#images tbody th'
  assert browser.find(CSS, names).rect['width'] < 200
  browser.point(names, 0.5, 0.5)
  tip = browser.find(CSS, '.tip')
  assert tip.text == browser.find(CSS, names).get_property('textContent') and long in tip.text
  assert tip.rect['x'] >= 0 and tip.rect['x'] + tip.rect['width'] <= 390
  browser.find(CSS, 'body').send_keys('\ue00c')  # Escape.
  assert not tip.is_displayed()


def test_columns_are_explained_when_pointed_at_tapped_or_focused(browser, report):
  browser.open(report)
  tip = browser.find(CSS, '.tip')
  for kind in ('mouseMoved', 'touch'):
    browser.point('#results th button', 0.5, 0.5, kind)
    assert tip.text.startswith('Higher is better. dB, mean over images')
    browser.find(CSS, 'body').send_keys('\ue00c')
  browser.run(
    'arguments[0].focus()', browser.find(CSS, '#results th:not(.more) ~ th:not(.more) button')
  )
  assert 'Wang' in tip.text


def test_a_focused_link_is_not_hidden_by_the_header(browser, report):
  browser.open(report)
  browser.run('document.styleSheets[0].insertRule(".scroll { max-height: 9rem !important }")')
  region = browser.find(CSS, '#images .scroll')
  links = browser.driver.find_elements(CSS, '#images tbody a')
  browser.run('arguments[0].scrollTop = 1000; arguments[1].focus()', region, links[0])
  head = browser.find(CSS, '#images thead th').rect
  assert links[0].rect['y'] >= head['y'] + head['height'] - 1


def test_charts_say_their_values(browser, report):
  browser.open(report)
  chart, tip = '#training svg[data-values]', browser.find(CSS, '.tip')
  for kind in ('mouseMoved', 'touch'):
    browser.point(chart, 0.55, 0.4, kind)
    # The middle one of three validations, of both runs.
    assert tip.text == 'step 20\na <b>run<: 21.95\nother: 19.95'
    assert browser.find(CSS, f'{chart} .guide').get_attribute('visibility') == 'visible'
    browser.find(CSS, 'body').send_keys('\ue00c')
    assert not tip.is_displayed()
  browser.find(CSS, chart).send_keys('\ue014')  # To the right.
  assert tip.text.startswith('step 30\n') and tip.is_displayed()
  assert not browser.driver.find_elements(CSS, '[data-values] title')


@pytest.mark.parametrize('n', [1, 2, 3, 4, 5, 7])
def test_no_chart_is_left_over_in_a_row(browser, n):
  cards = '<div class=chart>x</div>' * n
  style = page.asset('charts.css')
  browser.open(f'data:text/html,<style>{quote(style)}</style><div class=curves>{cards}</div>')
  for width in (1400, 900):
    browser.size(width, 700)
    rows = browser.run(
      'const tops = {}; document.querySelectorAll(".chart").forEach((e) => {'
      'const {top, width} = e.getBoundingClientRect(); (tops[top] ??= []).push(width)});'
      'return Object.values(tops)'
    )
    # A row has several charts, or one of its full width.
    assert all(len(row) > 1 or row[0] > 0.45 * width for row in rows), rows
    assert sum(map(len, rows)) == n and (n == 1 or len(rows[0]) > 1)


def test_a_page_in_training_loads_itself_again_at_the_same_place(browser, tmp_path):
  made_up.write(tmp_path)
  (tmp_path / 'data.json').write_text('{"splits": {"train": {"rgb": 320, "ir": 320}}}')
  run_page.refresh(tmp_path)
  file = tmp_path / 'report.html'
  text = file.read_text().replace('data-every="30"', 'data-every="1"')
  assert 'Step 30 of 60' in text
  file.write_text(text)
  browser.size(1200, 300)
  browser.open(file.as_uri())
  browser.run('scrollTo({top: 240, behavior: "instant"})')
  file.write_text(text.replace('Step 30 of 60', 'Step 40 of 60'))
  wait = support.WebDriverWait(browser.driver, 15)
  wait.until(lambda _: 'Step 40 of 60' in browser.find(CSS, '.progress').text)
  wait.until(lambda _: browser.run('return scrollY') == 240)
  assert browser.logged()[0] == []


def test_printed_it_has_few_pages_with_main_columns(browser, tmp_path):
  made_up.write(tmp_path / 'run')
  file = tmp_path / 'run' / 'evaluation' / 'test' / 'per_image.csv'
  header, *rows = file.read_text().splitlines()
  more = [row.replace('image', f'copy{i}image') for i in range(50) for row in rows]
  file.write_text('\n'.join([header, *rows, *more]) + '\n')
  run_page.write([tmp_path / 'run'], tmp_path / 'page.html', 'test', 12)
  browser.open((tmp_path / 'page.html').as_uri())
  command = browser.driver.execute_cdp_cmd
  printed = command('Page.printToPDF', {'paperWidth': 8.27, 'paperHeight': 11.69})['data']
  assert 3 <= len(re.findall(rb'/Type\s*/Page\b', base64.b64decode(printed))) <= 6
  command('Emulation.setEmulatedMedia', {'media': 'print'})
  kept = [e.text for e in browser.driver.find_elements(CSS, '.badge') if e.is_displayed()]
  assert kept == ['Worst', 'Median', 'Best']
  for selector in ('nav', '.choose', '.thumbs', 'td.more', '#images tbody tr:nth-child(30)'):
    assert not browser.find(CSS, selector).is_displayed(), selector
  for selector in ('.card', '.chart', '.gallery > li', 'figure'):
    assert browser.find(CSS, selector).value_of_css_property('break-inside') == 'avoid', selector
  assert browser.find(CSS, 'h2').value_of_css_property('break-after') == 'avoid'
  command('Emulation.setEmulatedMedia', {'media': ''})


def test_the_page_follows_the_dark_scheme(browser, report):
  grounds = []
  for scheme in ('light', 'dark'):
    browser.prefer(scheme)
    browser.open(report)
    ground = browser.run('return getComputedStyle(document.body).backgroundColor')
    grounds.append(sum(map(int, ground[4:-1].split(','))))
  assert grounds[0] > 700 and grounds[1] < 100


def test_focus_is_seen_and_starts_with_the_way_to_the_content(browser, report):
  browser.open(report)
  browser.find(CSS, 'body').send_keys('\ue004')  # Tab.
  focused = browser.driver.switch_to.active_element
  assert focused.text == 'To the content' and focused.is_displayed()
  assert focused.value_of_css_property('outline-style') == 'solid'
