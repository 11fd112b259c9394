"""A headless Chromium, where it and its driver are."""

import json
import shutil

import pytest

from cyclegan_jax.reports import run_page
from tests.reports import made_up

# What makes it quiet: no sandbox for root, and nothing of its own to ask the network for.
_FLAGS = (
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
)


class Browser:
  """Chromium with what tests ask of a page."""

  def __init__(self, driver):
    self.driver = driver
    self.find = driver.find_element
    self.run = driver.execute_script

  def size(self, width: int, height: int) -> None:
    """Sets the size of the view, below the least one of a window too."""
    self.driver.execute_cdp_cmd(
      'Emulation.setDeviceMetricsOverride',
      {'width': width, 'height': height, 'deviceScaleFactor': 1, 'mobile': width < 600},
    )

  def prefer(self, scheme: str) -> None:
    """What a person prefers: a light or dark scheme; and little motion, as tests do not wait."""
    self.driver.execute_cdp_cmd(
      'Emulation.setEmulatedMedia',
      {
        'features': [
          {'name': 'prefers-color-scheme', 'value': scheme},
          {'name': 'prefers-reduced-motion', 'value': 'reduce'},
        ]
      },
    )

  def open(self, address: str) -> None:
    """Opens a page; what was logged before is forgotten."""
    self.logged()
    self.driver.get(address)

  def script(self, code: str, *arguments):
    """Runs a script with the page's own functions, for the first element of a selector as `e`."""
    selector, *others = arguments
    return self.run(f'const e = document.querySelector(arguments[0]); {code}', selector, *others)

  def point(self, selector: str, across: float, down: float, kind: str = 'mouseMoved') -> None:
    """Points with the mouse at a place of an element, in shares of its sides; or presses there."""
    self.script('e.scrollIntoView({block: "center", behavior: "instant"})', selector)
    # The page has noticed that it was scrolled.
    self.driver.execute_async_script(
      'const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done))'
    )
    box = self.script('return e.getBoundingClientRect().toJSON()', selector)
    place = {'x': box['x'] + across * box['width'], 'y': box['y'] + down * box['height']}
    command = self.driver.execute_cdp_cmd
    if kind == 'touch':
      command('Input.dispatchTouchEvent', {'type': 'touchStart', 'touchPoints': [place]})
      command('Input.dispatchTouchEvent', {'type': 'touchEnd', 'touchPoints': []})
      return
    command('Input.dispatchMouseEvent', {'type': 'mouseMoved', **place})
    for event in ('mousePressed', 'mouseReleased') if kind == 'click' else ():
      command(
        'Input.dispatchMouseEvent', {'type': event, **place, 'button': 'left', 'clickCount': 1}
      )

  def logged(self) -> tuple[list[str], set[str]]:
    """Messages of the console, and addresses asked for, since the last call."""
    messages = [entry['message'] for entry in self.driver.get_log('browser')]
    events = [
      json.loads(entry['message'])['message'] for entry in self.driver.get_log('performance')
    ]
    return messages, {
      event['params']['request']['url']
      for event in events
      if event['method'] == 'Network.requestWillBeSent'
    }


@pytest.fixture(scope='session')
def chromium(tmp_path_factory):
  """A driver of Chromium, shared by all tests."""
  webdriver = pytest.importorskip('selenium.webdriver', reason='needs selenium')
  programs = {name: shutil.which(name) for name in ('chromium', 'chromedriver')}
  if None in programs.values():
    pytest.skip(f'needs Chromium and its driver, found {programs}')
  options = webdriver.ChromeOptions()
  options.binary_location = programs['chromium']
  for flag in (*_FLAGS, f'--user-data-dir={tmp_path_factory.mktemp("chromium")}'):
    options.add_argument(flag)
  options.set_capability('goog:loggingPrefs', {'browser': 'ALL', 'performance': 'ALL'})
  driver = webdriver.Chrome(options, webdriver.ChromeService(programs['chromedriver']))
  yield driver
  driver.quit()


@pytest.fixture(scope='session')
def report(tmp_path_factory):
  """The page of two runs, with a name that is HTML; the first one knows its degrees."""
  folder = tmp_path_factory.mktemp('runs')
  runs = [folder / 'a <b>run<', folder / 'other']
  for run, flags in zip(runs, ({'paired': True, 'ir_range': '-20:120,degC'}, {})):
    made_up.write(run, **flags)
  made_up.rewrite(runs[0], lambda rows: (rows[0].update(psnr='inf'), rows[1].update(psnr='nan')))
  run_page.write(runs, folder / 'page.html', 'test', 5)
  return (folder / 'page.html').as_uri()


@pytest.fixture
def browser(chromium) -> Browser:
  """A browser with a view of 1200x800 that nothing was logged in."""
  found = Browser(chromium)
  found.size(1200, 800)
  found.prefer('light')
  return found
