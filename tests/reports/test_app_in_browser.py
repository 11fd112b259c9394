"""The try-out page in Chromium, with a model that takes the red channel."""

import contextlib
import io
import threading
import time

import numpy as np
import PIL.Image
import pytest

pytest.importorskip('starlette', reason='needs the extra app')
uvicorn = pytest.importorskip('uvicorn', reason='needs the extra app')

from cyclegan_jax.inference import app

CSS = 'css selector'
COLOR = (200, 60, 20)


def painted(image, levels):
  """The red channel, or the gray level that a slider commands."""
  return np.full_like(image[..., :1], levels['sky']) if levels else image[..., :1]


@contextlib.contextmanager
def served(**options):
  """The address of a page, served by a thread of this process."""
  page = app.make(painted, 'run: RGB to IR', 'A model.', 50_000, **options)
  with app.bound_socket('127.0.0.1', 0) as listener:
    server = uvicorn.Server(uvicorn.Config(page, log_level='warning', lifespan='off'))
    thread = threading.Thread(target=server.run, kwargs={'sockets': [listener]})
    thread.start()
    yield f'http://127.0.0.1:{listener.getsockname()[1]}/'
    server.should_exit = True
    thread.join()


@pytest.fixture(scope='module')
def address():
  with served() as found:
    yield found


@pytest.fixture
def image(tmp_path):
  """A file of one color, with a name that nobody should have to read."""
  file = tmp_path / '..;<b>x<.png'
  PIL.Image.new('RGB', (40, 20), COLOR).save(file)
  return file


def chosen(browser, file, words):
  """Gives the page a file and waits for what it says."""
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
  assert browser.find(CSS, '#download').get_attribute('download') == 'translated.png'


def test_the_downloaded_file(browser, address, image, tmp_path):
  browser.driver.execute_cdp_cmd(
    'Browser.setDownloadBehavior', {'behavior': 'allow', 'downloadPath': str(tmp_path / 'got')}
  )
  browser.open(address)
  chosen(browser, image, 'Translated')
  browser.find(CSS, '#download').send_keys('\ue007')  # Enter.
  file = tmp_path / 'got' / 'translated.png'
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


def test_a_narrow_screen(browser, address, image):
  browser.size(320, 600)
  browser.open(address)
  chosen(browser, image, 'Translated')
  assert browser.run('return document.documentElement.scrollWidth') <= 320


def test_a_slider_commands_and_is_obeyed(browser, image):
  with served(sliders=[app.Slider('sky', 0, 250, 100, 'gray levels')]) as found:
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
