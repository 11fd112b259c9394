"""The try-out page in Chromium, beside a page of another site that wants to use it."""

import pytest

pytest.importorskip('starlette', reason='needs the extra app')
pytest.importorskip('uvicorn', reason='needs the extra app')

from tests.reports.app_server import painted, served


@pytest.fixture(scope='module')
def translated():
  """Sizes of the images that were translated."""
  return []


@pytest.fixture(scope='module')
def address(translated):
  def noted(image, levels):
    translated.append(image.shape)
    return painted(image, levels)

  with served(noted) as found:
    yield found


# Sends a small image from within the page, as its own script does, and returns what came of it.
SEND = """
  const [address, type, mode, done] = arguments;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 8;
  canvas.toBlob(body => fetch(address, {method: "POST", body, mode, headers: type ?
      {"Content-Type": type} : {}}).then(answer => done(answer.type + answer.status),
      error => done("refused")));"""


def test_another_site_sends_nothing(browser, address, translated):
  send = lambda *given: browser.driver.execute_async_script(SEND, *given)
  browser.open(address)
  kind = 'application/octet-stream'
  assert send('translate', kind, 'same-origin') == 'basic200' and len(translated) == 1
  browser.open('data:text/html,<p>Another site</p>')
  assert send(address + 'translate', kind, 'cors') == 'refused'
  # Such a request is sent, but not with a type that the page takes.
  assert send(address + 'translate', 'text/plain', 'no-cors') in ('opaque0', 'refused')
  assert send(address + 'translate', kind, 'no-cors') in ('opaque0', 'refused')
  assert len(translated) == 1
  browser.logged()
