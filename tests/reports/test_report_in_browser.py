"""The page about runs, used in Chromium as people use it."""

import io

import PIL.Image
import pytest

from cyclegan_jax.comparison import compare, runs
from cyclegan_jax.reports import comparison_page, run_page
from tests.comparison import made_up as comparison_runs
from tests.comparison.made_up import N
from tests.reports import made_up

CSS = 'css selector'
IMAGES = '#images table'


@pytest.fixture(scope='module')
def page(tmp_path_factory):
  """Of two runs, with a name that is HTML."""
  folder = tmp_path_factory.mktemp('runs')
  runs = [folder / 'a <b>run<', folder / 'other']
  for run, paired in zip(runs, (True, False)):
    made_up.write(run, paired=paired)
  made_up.rewrite(runs[0], lambda rows: (rows[0].update(psnr='inf'), rows[1].update(psnr='nan')))
  run_page.write(runs, folder / 'page.html', 'test', 5)
  return (folder / 'page.html').as_uri()


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


def test_nothing_is_asked_for_and_nothing_complained_of(browser, page):
  browser.open(page)
  messages, addresses = browser.logged()
  assert messages == []
  assert page in addresses and all(
    address == page or address.startswith('data:') for address in addresses
  )
  assert browser.find(CSS, 'h1').text == 'Runs: a <b>run<, other'


def test_columns_sort_by_click_and_by_keyboard(browser, page):
  browser.open(page)
  names = column(browser, 0)
  heads = browser.driver.find_elements(CSS, f'{IMAGES} th[aria-sort] button')
  number = next(i for i, head in enumerate(heads) if head.text.startswith('PSNR, a'))
  heads[number].click()
  values = column(browser, number)
  # What is no number comes last, either way.
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
  heads[0].send_keys(' ')
  # image2 before image10.
  assert column(browser, 0) == sorted(names, key=lambda name: int(name.rpartition('image')[2]))
  assert len(sorted_by(browser)) == 1


def shown(browser, item, across):
  """The color of a picture of the gallery, as painted, at a share of its width."""
  box = browser.find(CSS, f'#example-{item} .wipe')
  picture = PIL.Image.open(io.BytesIO(box.screenshot_as_png)).convert('RGB')
  return picture.getpixel((int(picture.width * across), picture.height // 4))


def near(color, index):
  return max(abs(int(a) - int(b)) for a, b in zip(color, made_up.COLORS[index])) <= 4


def test_the_slider_moves_the_boundary(browser, page):
  browser.open(page)
  slider = browser.find(CSS, '#example-1 input[type=range]')
  assert slider.accessible_name.startswith('Boundary between two pictures of place')
  # Generated IR on the left, true IR on the right.
  assert near(shown(browser, 1, 0.25), 1) and near(shown(browser, 1, 0.75), 2)
  slider.send_keys('\ue011')  # Home: the boundary is at the left end.
  assert slider.get_attribute('value') == '0'
  assert near(shown(browser, 1, 0.25), 2) and near(shown(browser, 1, 0.75), 2)
  slider.send_keys('\ue010')  # End.
  assert near(shown(browser, 1, 0.25), 1) and near(shown(browser, 1, 0.9), 1)
  slider.send_keys('\ue012' * 40)  # To the left.
  assert slider.get_attribute('value') == '60'
  assert near(shown(browser, 1, 0.55), 1) and near(shown(browser, 1, 0.65), 2)
  assert slider.get_attribute('aria-valuetext') == ('generated IR, a <b>run< 60 %, true IR 40 %')
  # The other examples' boundaries stay.
  assert near(shown(browser, 2, 0.25), 1) and near(shown(browser, 2, 0.55), 2)


def test_the_slider_follows_the_mouse_and_the_finger(browser, page):
  browser.size(390, 700)
  browser.open(page)
  box = browser.find(CSS, '#example-0 .wipe')
  browser.run('arguments[0].scrollIntoView({block: "center", behavior: "instant"})', box)
  rect = browser.run('return arguments[0].getBoundingClientRect()', box)
  slider = browser.find(CSS, '#example-0 input')
  for kind, share in (('touch', 0.2), ('mouse', 0.8)):
    x, y = rect['x'] + share * rect['width'], rect['y'] + rect['height'] / 2
    if kind == 'touch':
      for event, points in (('touchStart', [{'x': x, 'y': y}]), ('touchEnd', [])):
        browser.driver.execute_cdp_cmd(
          'Input.dispatchTouchEvent', {'type': event, 'touchPoints': points}
        )
    else:
      for event in ('mousePressed', 'mouseReleased'):
        browser.driver.execute_cdp_cmd(
          'Input.dispatchMouseEvent',
          {'type': event, 'x': x, 'y': y, 'button': 'left', 'clickCount': 1},
        )
    assert float(slider.get_attribute('value')) == pytest.approx(100 * share, abs=6)


def test_which_pictures_are_compared(browser, page):
  browser.open(page)
  left, right = browser.driver.find_elements(CSS, '.choose select')
  names = [option.text for option in left.find_elements(CSS, 'option')]
  assert names == [
    'RGB',
    'true IR',
    'generated IR, a <b>run<',
    'error, a <b>run<',
    'generated IR, other',
    'error, other',
  ]
  left.send_keys('RGB')
  right.send_keys('error, o')
  assert near(shown(browser, 0, 0.25), 0) and near(shown(browser, 0, 0.75), 3)


@pytest.mark.parametrize('width', [320, 390])
def test_a_narrow_screen_needs_no_sideways_scrolling(browser, page, width):
  browser.size(width, 700)
  browser.open(page)
  assert browser.run('return document.documentElement.scrollWidth') <= width
  assert browser.run('return document.querySelector("#results .scroll").scrollWidth') > width


def test_the_page_follows_the_dark_scheme(browser, page):
  grounds = []
  for scheme in ('light', 'dark'):
    browser.prefer(scheme)
    browser.open(page)
    ground = browser.run('return getComputedStyle(document.body).backgroundColor')
    grounds.append(sum(map(int, ground[4:-1].split(','))))
  assert grounds[0] > 700 and grounds[1] < 100


def test_focus_is_seen_and_starts_with_the_way_to_the_content(browser, page):
  browser.open(page)
  browser.find(CSS, 'body').send_keys('\ue004')  # Tab.
  focused = browser.driver.switch_to.active_element
  assert focused.text == 'To the content' and focused.is_displayed()
  assert focused.value_of_css_property('outline-style') == 'solid'
