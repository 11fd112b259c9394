"""The try-out page's server: what it answers, to whom, and what it refuses."""

import base64
import hashlib
import io
import re
import socket
import threading
import time

import numpy as np
import PIL.Image
import pytest

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import decoding, images
from cyclegan_jax.settings import DataConfig

pytest.importorskip('starlette', reason='needs the extra app')
pytest.importorskip('uvicorn', reason='needs the extra app')
testclient = pytest.importorskip(
  'starlette.testclient', reason='needs httpx2', exc_type=(ImportError, RuntimeError)
)

from cyclegan_jax.inference.app import server
from cyclegan_jax.inference.app.content import Content
from cyclegan_jax.inference.app.sliders import Slider
from cyclegan_jax.inference.files import values

BODY = {'content-type': 'application/octet-stream'}
LIMIT = 100_000


def red(image, levels):
  """The first channel, as a model would give it."""
  return image[..., :1]


def client(translate=red, base='http://127.0.0.1:8000', read=images.read_image, **content):
  shown = Content('a <run>', 'About "it".', **content)
  return testclient.TestClient(server.make(translate, shown, LIMIT, read=read), base_url=base)


def png(pixels):
  buffer = io.BytesIO()
  PIL.Image.fromarray(pixels).save(buffer, 'PNG')
  return buffer.getvalue()


def noise(*shape, dtype=np.uint8):
  high = np.iinfo(dtype).max + 1
  return np.random.default_rng(0).integers(0, high, shape).astype(dtype)


@pytest.mark.parametrize(
  'pixels',
  [noise(20, 30, 3), noise(1, 1, 3), noise(7, 5, 4), noise(9, 4), noise(6, 8, dtype=np.uint16)],
  ids=['rgb', '1x1', 'rgba', 'gray', '16 bit'],
)
def test_the_answer_is_the_translation_of_the_body(pixels):
  answer = client().post('/translate', content=png(pixels), headers=BODY)
  assert answer.status_code == 200 and answer.headers['content-type'] == 'image/png'
  expected = pixels if pixels.ndim == 2 else pixels[..., 0]
  np.testing.assert_array_equal(np.asarray(PIL.Image.open(io.BytesIO(answer.content))), expected)


def test_files_are_read_as_the_model_takes_them():
  counts = noise(6, 8, dtype=np.uint16) // 100 + np.uint16(7200)
  data = DataConfig(ir_span='7200:8200')
  read = lambda content, name: values.read(data, 'ir_to_rgb', content, name).pixels
  answer = client(read=read).post('/translate', content=png(counts), headers=BODY)
  got = np.asarray(PIL.Image.open(io.BytesIO(answer.content)))
  np.testing.assert_array_equal(got, np.rint((counts.astype(float) - 7200) * 65.535))
  refused = client(read=read).post('/translate', content=png(noise(6, 8)), headers=BODY)
  assert refused.status_code == 422 and '7200:8200' in refused.text


def test_sliders_command_what_is_made():
  sliders = [Slider('sky & <so>', -20, 30, 4, 'degC'), Slider('person', 10, 40, 33.5, 'degC')]
  seen = []

  def note(image, levels):
    seen.append(dict(levels))
    return image

  visitor, body = client(note, sliders=sliders), png(noise(4, 4, 3))
  page = visitor.get('/').text
  assert 'name="sky &amp; &lt;so&gt;" min="-20" max="30" value="4"' in page and '33.5 degC' in page
  assert 'type="range"' not in client().get('/').text
  for query in ({}, {'person': '12.5'}, {'person': '40', 'sky & <so>': '-20'}):
    assert visitor.post('/translate', params=query, content=body, headers=BODY).status_code == 200
  assert seen == [{}, {'person': 12.5}, {'person': 40, 'sky & <so>': -20}]
  for query in ({'car': '1'}, {'person': '41'}, {'person': 'nan'}, {'person': 'warm'}):
    answer = visitor.post('/translate', params=query, content=body, headers=BODY)
    assert answer.status_code == 422 and 'no such slider' in answer.text
  assert len(seen) == 3


def test_the_page_is_one_file_and_allows_its_own_script_alone():
  page = client().get('/')
  assert '<title>a &lt;run&gt;</title>' in page.text and 'About &#34;it&#34;.' in page.text
  assert '{{' not in page.text and f'data-max-bytes="{LIMIT}"' in page.text
  assert ' src=' not in page.text and ' style=' not in page.text
  policy = page.headers['content-security-policy']
  for kind in ('script', 'style'):
    ((content,),) = [re.findall(f'<{kind}>(.*?)</{kind}>', page.text, re.S)]
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    assert f"{kind}-src 'sha256-{digest}';" in policy


def test_examples_are_files_of_the_page():
  visitor = client(examples=[png(noise(4, 5, 3)), png(noise(6, 7, 3))])
  assert 'src="example1.png"' in visitor.get('/').text
  image = PIL.Image.open(io.BytesIO(visitor.get('/example1.png').content))
  np.testing.assert_array_equal(np.asarray(image), noise(6, 7, 3))
  assert visitor.get('/example2.png').status_code == 404


def test_the_answer_says_how_strange_an_image_is():
  ask = lambda visitor: visitor.post('/translate', content=png(noise(4, 9, 3)), headers=BODY)
  assert ask(client(strangeness=lambda image: image.shape[1] / 4)).headers['strangeness'] == '2.25'
  assert ask(client()).headers['strangeness'] == '0.00'


@pytest.mark.parametrize(
  'path',
  [
    '/app.html',
    '/app.py',
    '/../setup.cfg',
    '/%2e%2e/setup.cfg',
    '/..%2f..%2fetc/passwd',
    '//etc/passwd',
    '/translate/',
    '/app.js',
    '/example0.png',
    '/static/',
  ],
)
def test_nothing_else_can_be_read(path):
  answer = client().get(path, follow_redirects=False)
  assert answer.status_code in (307, 404, 405) and b'root:' not in answer.content
  assert b'metadata' not in answer.content


@pytest.mark.parametrize(
  'body, words',
  [
    (b'', 'This file is empty.'),
    (b'hello', 'not an image of a known kind. This page takes PNG, JPEG, WebP'),
    (png(noise(20, 20, 3))[:300], 'damaged'),
    (b'GIF89a' + bytes(50), 'This is a GIF file'),
  ],
)
def test_what_is_no_image_is_refused_in_words(body, words):
  answer = client().post('/translate', content=body, headers=BODY)
  assert "b'" not in answer.text and '--' not in answer.text
  assert answer.status_code == 422 and words in answer.text
  assert answer.headers['content-type'].startswith('text/plain')


def test_large_images_are_refused(monkeypatch):
  visitor = client()
  for body in (bytes(LIMIT + 1), iter([bytes(LIMIT), b'x'])):  # Announced, and in pieces.
    answer = visitor.post('/translate', content=body, headers=BODY)
    assert answer.status_code == 413 and 'larger than' in answer.text
  monkeypatch.setattr(decoding, 'MAX_PIXELS', 999)
  answer = visitor.post('/translate', content=png(np.zeros((50, 20), np.uint8)), headers=BODY)
  assert answer.status_code == 422
  expected = 'This image has 20x50 pixels, 0 megapixels. This page takes up to 0.'
  assert answer.text == expected


@pytest.mark.parametrize(
  'error, status, words',
  [
    (UserError('a thermal image in false color'), 422, 'false color'),
    (MemoryError(), 413, 'not enough memory'),
    (RuntimeError('RESOURCE_EXHAUSTED: Out of memory'), 413, 'not enough memory'),
  ],
)
def test_a_model_that_cannot(error, status, words):
  def fails(image, levels):
    raise error

  answer = client(fails).post('/translate', content=png(noise(4, 4, 3)), headers=BODY)
  assert answer.status_code == status and words in answer.text


def test_other_sites_cannot_use_the_page():
  # Types that a page of another site may send without being asked first.
  for kind in ('text/plain', 'multipart/form-data', 'application/x-www-form-urlencoded', None):
    answer = client().post(
      '/translate', content=png(noise(4, 4, 3)), headers={'content-type': kind} if kind else {}
    )
    assert answer.status_code == 415
  asked = client().options(
    '/translate', headers={'origin': 'http://evil.example', 'access-control-request-method': 'POST'}
  )
  assert asked.status_code == 405 and 'access-control-allow-origin' not in asked.headers


@pytest.mark.parametrize(
  'host, status',
  [
    ('127.0.0.1:8000', 200),
    ('localhost', 200),
    ('[::1]:8000', 200),
    ('LOCALHOST:1', 200),
    ('evil.example', 400),
    ('127.0.0.1.evil.example', 400),
    ('localhost.evil.example:8000', 400),
    ('', 400),
  ],
)
def test_only_its_own_names_are_answered(host, status):
  assert client().get('/', headers={'host': host}).status_code == status


def test_names_of_an_open_address():
  assert server.names_of('localhost') == list(server.LOOPBACK)
  names = server.names_of('0.0.0.0')
  assert {'127.0.0.1', '0.0.0.0', socket.gethostname()} <= set(names) and '*' not in names


def test_one_at_a_time_and_few_in_the_queue():
  state = {'now': 0, 'most': 0}
  lock, go_on = threading.Lock(), threading.Event()

  def slow(image, levels):
    with lock:
      state['now'] += 1
      state['most'] = max(state['most'], state['now'])
    go_on.wait(20)
    with lock:
      state['now'] -= 1
    return red(image, levels)

  with client(slow) as visitor:  # One event loop for all threads.
    found = []

    def ask():
      found.append(
        visitor.post('/translate', content=png(noise(4, 4, 3)), headers=BODY).status_code
      )

    threads = [threading.Thread(target=ask) for _ in range(9)]
    for thread in threads:
      thread.start()
    deadline = time.monotonic() + 20
    while len(found) < 4 and time.monotonic() < deadline:
      time.sleep(0.01)
    go_on.set()
    for thread in threads:
      thread.join()
    assert sorted(found) == [200] * 5 + [503] * 4 and state['most'] == 1
    # The places are free again.
    ask()
    assert found[-1] == 200


def test_addresses_that_cannot_be_used():
  with server.bound_socket('127.0.0.1', 0) as listener:
    port = listener.getsockname()[1]
    with pytest.raises(UserError, match=f'--port={port} cannot be used: .* in use'):
      server.bound_socket('127.0.0.1', port)
  with pytest.raises(UserError, match='--host=no.such.host.invalid'):
    server.bound_socket('no.such.host.invalid', 0)
  with pytest.raises(UserError, match='--host=203.0.113.1 '):  # Kept for documentation.
    server.bound_socket('203.0.113.1', 0)
