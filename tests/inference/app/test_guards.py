"""The try-out page's server against careless and hostile visitors, over real connections."""

import asyncio
import contextlib
import socket
import threading
import time

import numpy as np
import pytest

pytest.importorskip('starlette', reason='needs the extra app')
pytest.importorskip('uvicorn', reason='needs the extra app')

from benchmarks.attacks import is_answered
from cyclegan_jax.image_files import images
from cyclegan_jax.inference.app import guards, server
from cyclegan_jax.inference.app.content import Content
from tests.inference.app import serving

PNG = images.encode_png(np.zeros((20, 30, 3), np.uint8))
LIMIT = 2 * 2**20
HEAD = 'POST /translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n'


def red(image, levels):
  return image[..., :1]


@contextlib.contextmanager
def served(translate=red):
  """The port of a page, served by a thread as `server.serve` serves it."""
  with serving.served(server.make(translate, Content('a run', ''), LIMIT)) as port:
    yield port


@pytest.fixture(scope='module')
def quick():
  """A port where connections are looked at every 0.1 s, and bodies have 0.3 s to begin."""
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(guards, 'SECONDS_BETWEEN_LOOKS', 0.1)
    patch.setattr(guards, 'SECONDS_TO_BEGIN', 0.3)
    with served() as port:
      yield port


@contextlib.contextmanager
def connected(port):
  with socket.create_connection(('127.0.0.1', port), timeout=20) as connection:
    yield connection


def until_closed(connection):
  """All that the server sends."""
  found = b''
  with contextlib.suppress(ConnectionError):
    while part := connection.recv(65536):
      found += part
  return found


def asked(port, text, body=b''):
  """The answer to a request that ends the connection."""
  with connected(port) as connection:
    connection.sendall(text.encode() + b'Connection: close\r\n\r\n' + body)
    return until_closed(connection)


def test_every_answer_has_the_headers_of_a_security_review(quick):
  get = 'GET {} HTTP/1.1\r\nHost: {}\r\n'
  answers = [
    (200, get.format('/', 'localhost')),
    (404, get.format('/nosuch', 'localhost')),
    (400, get.format('/', 'evil.example')),
    (405, get.format('/translate', 'localhost')),
    (415, 'POST /translate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n'),
  ]
  for status, text in answers:
    head = asked(quick, text).split(b'\r\n\r\n')[0].decode().lower()
    assert head.startswith(f'http/1.1 {status} ')
    for line in (
      "content-security-policy: default-src 'none'",
      "frame-ancestors 'none'",
      'x-frame-options: deny',
      'x-content-type-options: nosniff',
      'referrer-policy: no-referrer',
      'cross-origin-resource-policy: same-origin',
      'cross-origin-opener-policy: same-origin',
      'cross-origin-embedder-policy: require-corp',
      'permissions-policy: camera=()',
    ):
      assert line in head
    assert 'unsafe' not in head and 'access-control' not in head
    assert '\r\nserver:' not in head and 'uvicorn' not in head


def test_an_error_of_the_program_has_them_too():
  def fails(image, levels):
    raise ValueError('a bug')

  with served(fails) as port:
    head = asked(port, f'{HEAD}Content-Length: {len(PNG)}\r\n', PNG).lower()
  assert head.startswith(b'http/1.1 500 ') and b"default-src 'none'" in head
  assert b'a bug' not in head


@pytest.mark.parametrize(
  'origin, status',
  [
    ('http://localhost', 200),
    ('http://LOCALHOST', 200),
    ('http://evil.example', 403),
    ('http://localhost.evil.example', 403),
    ('http://localhost:9999', 403),
    ('null', 403),
    ('', 403),
  ],
)
def test_pages_of_other_sites_send_nothing(origin, status, quick):
  text = f'{HEAD}Origin: {origin}\r\nContent-Length: {len(PNG)}\r\n'
  assert asked(quick, text, PNG).startswith(f'HTTP/1.1 {status} '.encode())


@pytest.mark.parametrize(
  'sent',
  [
    b'',
    b'GET / HTTP/1.1\r\nHost: loc',
    b'\x16\x03\x01\x02\x00\x01',  # TLS.
    # Answered at once, but the announced body never comes.
    b'POST /nosuch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999\r\n\r\nabc',
  ],
  ids=['nothing', 'half a head', 'no HTTP', 'no end'],
)
def test_a_connection_that_stands_still_is_closed(sent, quick):
  with connected(quick) as connection:
    connection.sendall(sent)
    until_closed(connection)


def test_a_head_that_comes_byte_by_byte_is_given_up(quick):
  def send(connection):
    connection.sendall(b'GET / HTTP/1.1\r\n')
    for _ in range(200):
      connection.sendall(b'X-A: b\r\n')
      time.sleep(0.05)

  with connected(quick) as connection, pytest.raises(ConnectionError):
    send(connection)


def test_a_body_that_comes_slowly_is_given_up(quick):
  with connected(quick) as connection:
    connection.sendall((HEAD + f'Content-Length: {2**20}\r\n\r\n').encode())
    begun = time.monotonic()
    with contextlib.suppress(ConnectionError):
      while time.monotonic() - begun < 20 and not is_answered(connection):
        connection.sendall(bytes(100))
        time.sleep(0.02)
    assert connection.recv(1000).startswith(b'HTTP/1.1 408 ')


def test_a_body_that_moves_on_has_its_time(quick):
  content = PNG + bytes(300_000)  # Decoders do not mind what follows.
  with connected(quick) as connection:
    connection.sendall((HEAD + f'Content-Length: {len(content)}\r\n\r\n').encode())
    for start in range(0, len(content), 30_000):  # 0.6 s, twice what one that stands still has.
      connection.sendall(content[start : start + 30_000])
      time.sleep(0.05)
    assert connection.recv(1000).startswith(b'HTTP/1.1 200 ')


def test_an_answer_that_nobody_reads_is_given_up():
  large = lambda image, levels: np.random.default_rng(0).integers(0, 256, (3000, 3000, 1), np.uint8)
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(guards, 'SECONDS_BETWEEN_LOOKS', 0.1)
    with served(large) as port, connected(port) as connection:
      connection.sendall((HEAD + f'Content-Length: {len(PNG)}\r\n\r\n').encode() + PNG)
      assert connection.recv(10).startswith(b'HTTP/1.1')
      time.sleep(1.5)
      # Nine megabytes do not fit into what the system keeps for the reader.
      assert len(until_closed(connection)) < 9 * 10**6


@pytest.mark.parametrize(
  'length, body, status',
  [
    (str(LIMIT + 1), b'', 413),
    ('9' * 5000, b'', 400),
    ('-1', b'', 400),
    ('1e3', b'', 400),
    ('5\r\nContent-Length: 6', b'hello', 400),
    ('3', b'hello', 422),
  ],
)
def test_wrong_lengths(length, body, status, quick):
  answer = asked(quick, f'{HEAD}Content-Length: {length}\r\n', body)
  assert answer.startswith(f'HTTP/1.1 {status} '.encode())


def test_a_body_in_many_small_pieces_is_one(quick):
  pieces = b''.join(b'1\r\n%c\r\n' % byte for byte in PNG) + b'0\r\n\r\n'
  answer = asked(quick, f'{HEAD}Transfer-Encoding: chunked\r\n', pieces)
  assert answer.startswith(b'HTTP/1.1 200 ')


def test_silent_connections_are_limited_and_keep_nobody_out(monkeypatch):
  # So that none ends for being silent, however busy this machine is.
  monkeypatch.setattr(guards, 'SECONDS_BETWEEN_LOOKS', 60.0)
  with served() as port, contextlib.ExitStack() as stack:
    many = [stack.enter_context(connected(port)) for _ in range(200)]
    for connection in many:
      with contextlib.suppress(ConnectionError):
        connection.sendall(b'GET / HTTP/1.1\r\n')
    assert asked(port, 'GET / HTTP/1.1\r\nHost: localhost\r\n').startswith(b'HTTP/1.1 200 ')
    # The oldest made room, one after the other, and not because they were silent.
    end = time.monotonic() + guards.SECONDS_BETWEEN_LOOKS / 2
    while not all(map(is_answered, many[:130])) and time.monotonic() < end:
      time.sleep(0.05)
    ended = [is_answered(connection) for connection in many]
    assert 130 <= sum(ended) <= 150
    assert ended == sorted(ended, reverse=True)


def test_a_request_that_is_answered_keeps_its_place():
  go_on = threading.Event()

  def slow(image, levels):
    go_on.wait(20)
    return red(image, levels)

  with served(slow) as port, contextlib.ExitStack() as stack:
    busy = stack.enter_context(connected(port))
    busy.sendall((HEAD + f'Content-Length: {len(PNG)}\r\n\r\n').encode() + PNG)
    for _ in range(150):
      stack.enter_context(connected(port))
    assert asked(port, 'GET / HTTP/1.1\r\nHost: localhost\r\n').startswith(b'HTTP/1.1 200 ')
    go_on.set()
    assert busy.recv(100).startswith(b'HTTP/1.1 200 ')


def test_slow_senders_leave_room_for_others():
  with served() as port, contextlib.ExitStack() as stack:
    for _ in range(8):
      connection = stack.enter_context(connected(port))
      connection.sendall((HEAD + 'Content-Length: 100000\r\n\r\n').encode())
    answer = asked(port, f'{HEAD}Content-Length: {len(PNG)}\r\n', PNG)
    assert answer.startswith(b'HTTP/1.1 200 ')


def test_a_sender_that_never_ends_is_given_up(monkeypatch):
  monkeypatch.setattr(guards, 'SECONDS_TO_BEGIN', 0.05)
  sent = []

  async def receive():
    await asyncio.sleep(0.02)
    return {'type': 'http.request', 'body': b'x', 'more_body': True}

  async def send(message):
    sent.append(message)

  scope = {
    'type': 'http',
    'method': 'POST',
    'path': '/translate',
    'raw_path': b'/translate',
    'query_string': b'',
    'root_path': '',
    'headers': [(b'host', b'localhost'), (b'content-type', b'application/octet-stream')],
  }
  asyncio.run(server.make(red, Content('t', ''), LIMIT)(scope, receive, send))
  assert sent[0]['status'] == 408
