"""The gallery of a run's page, used in Chromium as people use it."""

import io

import PIL.Image
import pytest

from cyclegan_jax.reports import run_page
from tests.reports import made_up

CSS = 'css selector'
CURRENT = '.gallery > li.current'


def texts(browser, selector):
  return browser.run(
    'return Array.from(document.querySelectorAll(arguments[0]), e => e.textContent.trim())',
    selector,
  )


def loaded(browser, selector=f'{CURRENT} img'):
  """Waits until the pictures of a selector are there."""
  browser.driver.execute_async_script(
    'const [selector, done] = arguments;'
    'Promise.all(Array.from(document.querySelectorAll(selector), e => e.decode())).then(done)',
    selector,
  )


def press(browser, label):
  browser.run(
    'Array.from(document.querySelectorAll(".choose button")).find('
    'e => e.textContent === arguments[0]).click()',
    label,
  )


def test_it_starts_with_a_large_strip_of_the_median(browser, report):
  browser.open(report)
  shown = [
    item for item in browser.driver.find_elements(CSS, '.gallery > li') if item.is_displayed()
  ]
  assert len(shown) == 1 and shown[0].find_element(CSS, '.badge').text == 'Median'
  figures = shown[0].find_elements(CSS, 'figure')
  assert len({figure.rect['y'] for figure in figures[:4]}) == 1
  assert all(figure.rect['width'] > 150 for figure in figures)
  assert not browser.driver.find_elements(CSS, '.wipe')


def test_thumbnails_choose_the_image(browser, report):
  browser.open(report)
  thumbs = browser.driver.find_elements(CSS, '.thumbs button')
  assert [thumb.get_attribute('aria-pressed') for thumb in thumbs] == [
    *('false', 'true', 'false', 'false', 'false')
  ]
  assert texts(browser, '.thumbs .badge') == ['Worst', 'Median', 'Best']
  thumbs[2].send_keys('\ue007')  # Enter.
  assert browser.find(CSS, CURRENT).get_attribute('id') == 'example-2'
  assert thumbs[2].get_attribute('aria-pressed') == 'true'
  browser.find(CSS, '.choose [aria-label="Next image"]').click()
  assert browser.find(CSS, CURRENT).get_attribute('id') == 'example-3'


def test_a_link_of_the_table_shows_its_image(browser, report):
  browser.open(report)
  link = browser.find(CSS, '#images a[href="#example-4"]')
  name = link.text
  link.send_keys('\ue007')
  browser.driver.implicitly_wait(5)
  assert browser.find(CSS, '#example-4.current h3 .cut').text == name
  browser.driver.implicitly_wait(0)
  item, bar = (
    browser.script('return e.getBoundingClientRect().toJSON()', selector)
    for selector in (CURRENT, '.choose')
  )
  # Not hidden by the bar that stays in view.
  assert bar['bottom'] - 1 <= item['top'] < 500


def test_the_bar_stays_in_view(browser, report):
  browser.size(900, 420)
  browser.open(report)
  browser.run('document.querySelector(".gallery").scrollIntoView({behavior: "instant"})')
  browser.run('scrollBy({top: 220, behavior: "instant"})')
  box = browser.script('return e.getBoundingClientRect().toJSON()', '.choose')
  assert box['top'] == 0 and 0 < box['bottom'] < 210


def test_one_cursor_in_all_pictures_with_their_values(browser, report):
  browser.open(report)
  browser.script('e.scrollIntoView({block: "center", behavior: "instant"})', CURRENT)
  loaded(browser)
  browser.point(f'{CURRENT} .frame', 0.53, 0.4)
  # Gray levels 90 and 160 of 255 between -20 and 120 degrees; the other run has no range.
  values = texts(browser, f'{CURRENT} .value')
  assert values[1:] == ['160 · 67.8 °C', '90 · 29.4 °C', '70 · 38.4 K', '90', '70']
  assert [abs(int(a) - b) <= 4 for a, b in zip(values[0].split(), made_up.COLORS[0])] == [True] * 3
  said = browser.find(CSS, '#gallery > [role=status]').get_property('textContent')
  # Of 24 columns and 16 rows.
  assert said.startswith('Column 12, row 6: RGB 2') and 'true IR 160 · 67.8 °C;' in said
  crosses = browser.run(
    'return Array.from(document.querySelectorAll(arguments[0]), '
    'e => [e.style.left, e.style.top, getComputedStyle(e).display])',
    f'{CURRENT} .cross',
  )
  assert len(crosses) == 6 and {tuple(cross) for cross in crosses} == {('50%', '37.5%', 'block')}
  strip = browser.find(CSS, f'{CURRENT} .strip')
  strip.send_keys('\ue014')  # To the right.
  assert browser.find(CSS, f'{CURRENT} .cross').value_of_css_property('left') != '0px'
  said = browser.find(CSS, '#gallery > [role=status]').get_property('textContent')
  assert said.startswith('Column 13, row 6')


def test_zoom_to_pixels_in_all_pictures(browser, report):
  browser.open(report)
  for _ in range(3):
    press(browser, '+')
  assert browser.find(CSS, '.magnified').text.startswith('8')
  scales = browser.run(
    'return Array.from(document.querySelectorAll(arguments[0]), '
    'e => e.getBoundingClientRect().width / e.parentElement.getBoundingClientRect().width)',
    f'{CURRENT} .frame img',
  )
  assert scales == pytest.approx([8] * 6)
  image = browser.find(CSS, f'{CURRENT} .frame img')
  assert image.value_of_css_property('image-rendering') == 'pixelated'
  browser.find(CSS, f'{CURRENT} .strip').send_keys('---')
  assert browser.find(CSS, '.magnified').text.startswith('1')


def test_which_pictures_are_shown(browser, report):
  browser.open(report)
  press(browser, 'RGB')
  hidden = [
    figure.get_attribute('data-layer')
    for figure in browser.driver.find_elements(CSS, f'{CURRENT} figure')
    if not figure.is_displayed()
  ]
  assert hidden == ['RGB']


def shown(browser, across):
  """The color under the slider, as painted, at a share of its width."""
  box = browser.find(CSS, f'{CURRENT} .wipe')
  picture = PIL.Image.open(io.BytesIO(box.screenshot_as_png)).convert('RGB')
  return picture.getpixel((int(picture.width * across), picture.height // 4))


def near(color, index):
  return max(abs(int(a) - int(b)) for a, b in zip(color, made_up.COLORS[index])) <= 4


def test_the_slider_comes_on_a_click_and_moves_the_boundary(browser, report):
  browser.open(report)
  press(browser, 'Slider')
  slider = browser.find(CSS, f'{CURRENT} input[type=range]')
  assert slider.accessible_name.startswith('Boundary between two pictures of place')
  assert not browser.find(CSS, f'{CURRENT} .strip').is_displayed()
  # Generated IR on the left, true IR on the right.
  assert near(shown(browser, 0.25), 1) and near(shown(browser, 0.75), 2)
  slider.send_keys('\ue011')  # Home: the boundary is at the left end.
  assert slider.get_attribute('value') == '0'
  assert near(shown(browser, 0.25), 2) and near(shown(browser, 0.75), 2)
  slider.send_keys('\ue010')  # End.
  assert near(shown(browser, 0.25), 1) and near(shown(browser, 0.9), 1)
  slider.send_keys('\ue012' * 20)  # To the left.
  assert slider.get_attribute('value') == '80'
  assert near(shown(browser, 0.75), 1) and near(shown(browser, 0.85), 2)
  assert slider.get_attribute('aria-valuetext') == 'generated IR, a <b>run< 80 %, true IR 20 %'
  left, right = browser.driver.find_elements(CSS, '.choose select')
  names = [option.text for option in left.find_elements(CSS, 'option')]
  assert names == [
    *('RGB', 'true IR', 'generated IR, a <b>run<', 'error, a <b>run<'),
    *('generated IR, other', 'error, other'),
  ]
  left.send_keys('RGB')
  right.send_keys('error, o')
  assert near(shown(browser, 0.25), 0) and near(shown(browser, 0.9), 3)
  press(browser, 'Slider')
  assert browser.find(CSS, f'{CURRENT} .strip').is_displayed() and not slider.is_displayed()


def test_the_slider_follows_the_mouse_and_the_finger(browser, report):
  browser.size(390, 700)
  browser.open(report)
  press(browser, 'Slider')
  slider = browser.find(CSS, f'{CURRENT} input[type=range]')
  for kind, share in (('touch', 0.2), ('click', 0.8)):
    browser.point(f'{CURRENT} .wipe', share, 0.5, kind)
    assert float(slider.get_attribute('value')) == pytest.approx(100 * share, abs=6)


def test_pictures_beside_the_page_load_as_they_come_into_view(browser, tmp_path):
  made_up.write(tmp_path / 'run')
  run_page.write([tmp_path / 'run'], tmp_path / 'page.html', 'test', None)
  address = (tmp_path / 'page.html').as_uri()
  browser.open(address)
  browser.script('e.scrollIntoView({behavior: "instant"})', '.gallery')
  loaded(browser)
  messages, addresses = browser.logged()
  pictures = {url.rpartition('/')[2] for url in addresses if 'page_files/' in url}
  assert messages == [] and all(
    url == address or url.startswith(('data:', address.replace('.html', '_files/')))
    for url in addresses
  )
  # Of an example that is not shown, at most its thumbnail: a generated image. Before the script
  # ran, the first ones were in view.
  whole = {name[:6] for name in pictures if not name.endswith('-1.webp')}
  assert 1 <= len(whole) <= 3
