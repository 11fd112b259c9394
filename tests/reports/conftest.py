"""A headless Chromium, where it and its driver are."""

import json
import shutil

import pytest

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


@pytest.fixture
def browser(chromium) -> Browser:
  """A browser with a view of 1200x800 that nothing was logged in."""
  found = Browser(chromium)
  found.size(1200, 800)
  found.prefer('light')
  return found
