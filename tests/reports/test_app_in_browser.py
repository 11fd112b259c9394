"""The try-out page in Chromium, with a model that takes the red channel."""

import io
import time

import numpy as np
import PIL.Image
import pytest

pytest.importorskip('starlette', reason='needs the extra app')
pytest.importorskip('uvicorn', reason='needs the extra app')

from cyclegan_jax.image_files import decoding
from cyclegan_jax.inference.app import content, server, sliders
from tests.reports.app_server import COLOR, png, served

CSS = 'css selector'


@pytest.fixture(scope='module')
def address():
  """A page with all that a run may offer."""
  example = png(np.full((24, 32, 3), COLOR, np.uint8))
  with served(
    training_size=(16, 20),
    examples=[example, example],
    palettes=content.palettes(),
    strangeness=lambda image: 2.5 if image.shape[1] == 90 else 0.5,
  ) as found:
    yield found


@pytest.fixture
def image(tmp_path):
  """A file of one color, with a name that nobody should have to read."""
  file = tmp_path / '..;<b>x<.png'
  PIL.Image.new('RGB', (40, 20), COLOR).save(file)
  return file


def chosen(browser, file, words):
  """Gives the page a file, if any, and waits for what it says."""
  if file:
    browser.find(CSS, '#file').send_keys(str(file))
  deadline = time.monotonic() + 20
  while words not in (said := browser.find(CSS, '#message').text):
    assert time.monotonic() < deadline, said
    time.sleep(0.02)
  return said


def test_an_image_and_its_translation(browser, address, image):
  browser.open(address)
  chosen(browser, image, 'Move the boundary')
  messages, asked = browser.logged()
  assert messages == [] and all(url.startswith((address, 'data:', 'blob:')) for url in asked)
  picture = PIL.Image.open(io.BytesIO(browser.find(CSS, '.wipe').screenshot_as_png)).convert('RGB')
  left, right = (picture.getpixel((int(share * picture.width), 20)) for share in (0.25, 0.75))
  np.testing.assert_allclose(left, COLOR, atol=3)
  np.testing.assert_allclose(right, (COLOR[0],) * 3, atol=3)
  # The boundary has the focus: the arrow keys work at once.
  slider = browser.driver.switch_to.active_element
  slider.send_keys('\ue010')
  assert slider.get_attribute('aria-valuetext') == 'original 100 %, translated 0 %'
  assert browser.find(CSS, '#download').get_attribute('download') == ';_b_x__ir.png'


def test_the_downloaded_file(browser, address, image, tmp_path):
  browser.driver.execute_cdp_cmd(
    'Browser.setDownloadBehavior', {'behavior': 'allow', 'downloadPath': str(tmp_path / 'got')}
  )
  browser.open(address)
  chosen(browser, image, 'Translated')
  browser.find(CSS, '#download').send_keys('\ue007')  # Enter.
  file = tmp_path / 'got' / ';_b_x__ir.png'
  deadline = time.monotonic() + 20
  while not file.exists() and time.monotonic() < deadline:
    time.sleep(0.02)
  found = np.asarray(PIL.Image.open(file))
  np.testing.assert_array_equal(found, np.full((20, 40), COLOR[0], np.uint8))


def test_a_file_that_is_dropped(browser, address):
  browser.open(address)
  browser.run("""
    const canvas = document.createElement("canvas");
    canvas.getContext("2d").fillRect(0, 0, 9, 9);
    canvas.toBlob(blob => {
      const data = new DataTransfer();
      data.items.add(new File([blob], "x.png"));
      document.body.dispatchEvent(new DragEvent("drop",
          {dataTransfer: data, bubbles: true, cancelable: true}));
    });""")
  deadline = time.monotonic() + 20
  while not browser.find(CSS, '#result').is_displayed() and time.monotonic() < deadline:
    time.sleep(0.02)
  assert browser.find(CSS, '#result').is_displayed()


def test_what_cannot_be_translated_is_said_in_the_page(browser, address, image, tmp_path):
  browser.open(address)
  chosen(browser, image, 'Translated')
  (tmp_path / 'bad.png').write_bytes(image.read_bytes()[:40])
  chosen(browser, tmp_path / 'bad.png', 'damaged')
  assert not browser.find(CSS, '#result').is_displayed()
  (tmp_path / 'large.png').write_bytes(bytes(60_000))
  chosen(browser, tmp_path / 'large.png', 'larger than')
  PIL.Image.new('RGB', (4, 4)).save(tmp_path / 'a.tif')
  chosen(browser, tmp_path / 'a.tif', 'cannot show the original')
  assert browser.driver.switch_to.active_element.get_attribute('id') == 'download'


def pictures(tmp_path, **sizes):
  """Files of one color, name: (width, height)."""
  for name, size in sizes.items():
    PIL.Image.new('RGB', size, COLOR).save(tmp_path / f'{name}.png')
  return '\n'.join(str(tmp_path / f'{name}.png') for name in sizes)


def shown(browser):
  """Left, top, right and bottom of the result in the window, and whether its pixels are crisp."""
  return browser.run("""
    const box = document.querySelector(".wipe").getBoundingClientRect();
    const looks = getComputedStyle(document.querySelector(".wipe img")).imageRendering;
    return [box.left, box.top, box.right, box.bottom, looks === "pixelated"];""")


def test_a_result_is_in_the_first_screen_and_no_small_one_is_blown_up(browser, address, tmp_path):
  browser.size(1440, 900)
  for size, expected, crisp in (
    ((1500, 900), None, False),  # As large as fits.
    ((300, 1000), None, False),
    ((40, 30), (160, 120), True),
    ((150, 100), (300, 200), True),
    ((200, 150), (200, 150), False),
  ):
    browser.open(address)
    chosen(browser, pictures(tmp_path, a=size), 'Translated')
    left, top, right, bottom, is_crisp = shown(browser)
    assert top >= 0 and bottom <= 900 and bottom - top <= 0.7 * 900 and right <= 1440
    width, height = expected or ((bottom - top) * size[0] / size[1], bottom - top)
    np.testing.assert_allclose([right - left, bottom - top], [width, height], atol=1)
    assert is_crisp == crisp
    assert expected or bottom - top > 450
    assert browser.run('return document.documentElement.scrollHeight') <= 900


def test_several_files_are_translated_one_after_another(browser, address, tmp_path):
  browser.open(address)
  files = pictures(tmp_path, one=(40, 20), two=(90, 20)) + f'\n{tmp_path / "three.png"}'
  (tmp_path / 'three.png').write_bytes(b'GIF89a' + bytes(50))
  chosen(browser, files, 'GIF')
  buttons = browser.driver.find_elements(CSS, '#files button')
  assert [button.text.split('\n')[0] for button in buttons] == ['one.png', 'two.png', 'three.png']
  assert 'translated in' in buttons[1].text and 'This is a GIF file' in buttons[2].text
  # The first one is shown until another is chosen.
  assert browser.find(CSS, '#result-title').text == 'one.png'
  assert not browser.find(CSS, '#unlike').is_displayed()
  buttons[1].click()
  assert browser.find(CSS, '#download').get_attribute('download') == 'two_ir.png'
  assert '2.5 times as far away' in browser.find(CSS, '#unlike').text


def test_a_palette_changes_the_view_alone(browser, address, image):
  browser.open(address)
  chosen(browser, image, 'Translated')
  before = browser.find(CSS, '#download').get_attribute('href')
  browser.run("""
    const choice = document.querySelector("#palette");
    choice.value = "palette1";
    choice.dispatchEvent(new Event("change"));""")
  picture = PIL.Image.open(io.BytesIO(browser.find(CSS, '.wipe').screenshot_as_png)).convert('RGB')
  left, right = (picture.getpixel((int(share * picture.width), 20)) for share in (0.25, 0.75))
  import matplotlib

  inferno = matplotlib.colormaps['inferno'](COLOR[0] / 255)[:3]
  np.testing.assert_allclose(right, 255 * np.array(inferno), atol=6)
  np.testing.assert_allclose(left, COLOR, atol=3)
  assert browser.find(CSS, '#download').get_attribute('href') == before
  assert 'not temperatures' in browser.find(CSS, '.notes').text
  assert browser.find(CSS, '#preview-only').is_displayed()


def test_units_are_shown_where_they_are_known(browser, image):
  with served(palettes=content.palettes(), span=('-20 °C', '50 °C')) as found:
    browser.open(found)
    chosen(browser, image, 'Translated')
    notes = browser.find(CSS, '.notes').text
    assert '-20 °C' in notes and '50 °C' in notes and 'not temperatures' not in notes


def test_examples_are_translated_at_a_click(browser, address):
  browser.open(address)
  examples = browser.driver.find_elements(CSS, '.example')
  assert len(examples) == 2
  examples[1].click()
  chosen(browser, '', 'Translated')
  assert browser.find(CSS, '#download').get_attribute('download') == 'example 2_ir.png'
  # The box folds, and opens again.
  assert not examples[0].is_displayed()
  browser.find(CSS, '#unfold').click()
  assert examples[0].is_displayed()


def test_a_large_photograph_has_a_preview_and_smaller_sizes(browser, address, tmp_path):
  browser.open(address)
  files = pictures(tmp_path, large=(1600, 1000))
  browser.run("""
    window.said = [];
    new MutationObserver(() => said.push(document.querySelector("#message").textContent))
        .observe(document.querySelector("#message"), {childList: true});""")
  chosen(browser, files, 'Translated')
  said = browser.run('return said')
  assert said[0] == 'Translating large.png.'
  assert said[1] == 'A preview of large.png. All 1600x1000 pixels follow.'
  texts = [option.text for option in browser.driver.find_elements(CSS, '#size option')]
  assert texts[:3] == ['full, 1600x1000', '1024x640', '512x320']
  assert texts[3] == 'as in training, 23x14'  # 20x16 has as many pixels.
  browser.find(CSS, '#as-trained').click()
  chosen(browser, '', 'at 23x14')
  assert browser.run('return document.querySelector(".wipe img").naturalWidth') == 23
  browser.logged()


def test_a_photograph_of_too_many_pixels_is_reduced(browser, tmp_path, monkeypatch):
  monkeypatch.setattr(decoding, 'MAX_PIXELS', 5_000)
  with served() as found:
    browser.open(found)
    chosen(browser, pictures(tmp_path, large=(150, 100)), 'Translated at 86x57')
    assert 86 * 57 <= 5_000 < 87 * 58
    assert [option.text for option in browser.driver.find_elements(CSS, '#size option')] == [
      '86x57'
    ]
    assert browser.logged()[0] == []


def test_a_busy_server_is_asked_again(browser, address, image, monkeypatch):
  browser.open(address)
  with monkeypatch.context() as busy:
    busy.setattr(server, '_MOST_ARRIVING', 0)
    chosen(browser, image, 'waits.')
  chosen(browser, '', 'Translated')
  browser.logged()  # The console notes the refusal.


def test_a_narrow_screen(browser, address, image):
  browser.size(320, 600)
  browser.open(address)
  chosen(browser, image, 'Translated')
  assert browser.run('return document.documentElement.scrollWidth') <= 320


def test_a_slider_commands_and_is_obeyed(browser, image):
  with served(sliders=[sliders.Slider('sky', 0, 250, 100, 'gray levels')]) as found:
    browser.open(found)
    chosen(browser, image, 'Move the boundary')
    slider = browser.find(CSS, '#told input')
    slider.send_keys('\ue010')  # To its end.
    assert browser.find(CSS, '#told output').text == '250.0 gray levels'

    def right():
      shown = PIL.Image.open(io.BytesIO(browser.find(CSS, '.wipe').screenshot_as_png))
      return shown.convert('RGB').getpixel((int(0.75 * shown.width), 20))

    deadline = time.monotonic() + 20
    while abs(right()[0] - 250) > 3:
      assert time.monotonic() < deadline, right()
      time.sleep(0.02)
    # Whoever moves it goes on moving it.
    assert browser.driver.switch_to.active_element == slider
    messages, asked = browser.logged()
    assert messages == [] and any(url.endswith('translate?sky=250') for url in asked)
    # An image that was translated before obeys once it is shown again.
    chosen(browser, image, '(2 of 2)')
    browser.run('document.querySelector("#told input").value = 0')
    browser.run('document.querySelector("#told input").dispatchEvent(new Event("change"))')
    chosen(browser, '', '(2 of 2)')
    browser.find(CSS, '#files button').click()
    deadline = time.monotonic() + 20
    while right()[0] > 3:
      assert time.monotonic() < deadline, right()
      time.sleep(0.02)
