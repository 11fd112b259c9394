"""What hostile and careless visitors send to the try-out page, over raw connections.

For attack_app.py and its test.
"""

import collections
from collections.abc import Callable, Iterable
import contextlib
import io
import socket
import struct
import threading
import time
from typing import NamedTuple
import zlib

import numpy as np
from PIL import Image

_PATIENCE = 120.0
_TYPE = 'Content-Type: application/octet-stream'
_HEAD = f'POST /translate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{_TYPE}\r\n'
_PATHS = (
  *('/../../etc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '/..%2f..%2fetc%2fpasswd', '//etc/passwd'),
  *('/config.json', '/example0.png/../../config.json', '/%00', '/\\..\\config.json', '/.git/HEAD'),
)
# No answer: the server, or the visitor, has closed the connection.
NONE = 0
BUSY = 503


class Attack(NamedTuple):
  """A kind of request: what sends it to a port, and the statuses that are right."""

  send: Callable[[int, np.random.Generator], int]
  right: set[int]


class Outcomes:
  """Counts of answers by kind of request, and what was wrong.

  Attributes:
    counts: kind -> status -> how often.
    faults: sentences.
  """

  def __init__(self) -> None:
    """Counts nothing yet."""
    self.counts: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    self.faults: list[str] = []
    self._lock = threading.Lock()

  def note(self, kind: str, status: int, fault: str = '') -> None:
    """Counts an answer."""
    with self._lock:
      self.counts[kind][str(status) if status else 'none'] += 1
      if fault:
        self.faults.append(f'{kind}: {fault}')


def ask(
  port: int, line: str, headers: Iterable[str] = (), body: bytes = b'', host: str = 'localhost'
) -> tuple[int, bytes]:
  """Sends a request, and returns status and body of the answer."""
  lines = [f'{line} HTTP/1.1', f'Host: {host}', 'Connection: close', *headers, '', '']
  with _connected(port) as connection:
    with contextlib.suppress(ConnectionError):
      connection.sendall('\r\n'.join(lines).encode() + body)
    return _answer(connection)


def upload(port: int, content: bytes, *headers: str, query: str = '') -> tuple[int, bytes]:
  """Sends a file as the page does, and returns status and body of the answer."""
  length = f'Content-Length: {len(content)}'
  return ask(port, f'POST /translate{query}', [_TYPE, length, *headers], content)


def picture(rng: np.random.Generator, largest: int) -> tuple[bytes, tuple[int, int]]:
  """Draws a PNG file of a random size, up to a number of pixels a side; and its size."""
  width, height = (int(side) for side in rng.integers(16, largest + 1, 2))
  small = Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8))
  buffer = io.BytesIO()
  small.resize((width, height)).save(buffer, 'PNG')
  return buffer.getvalue(), (width, height)


def _connected(port: int) -> socket.socket:
  return socket.create_connection(('127.0.0.1', port), timeout=_PATIENCE)


def _answer(connection: socket.socket) -> tuple[int, bytes]:
  found = b''
  with contextlib.suppress(ConnectionError):
    while part := connection.recv(65536):
      found += part
  head, _, body = found.partition(b'\r\n\r\n')
  return (int(head.split()[1]) if head.startswith(b'HTTP/') else NONE), body


def _file(rng: np.random.Generator) -> bytes:
  return picture(rng, 64)[0]


def _cut(port: int, rng: np.random.Generator) -> int:
  content = _file(rng)
  return upload(port, content[: int(rng.integers(1, len(content) - 20))])[0]


def _bomb(port: int, rng: np.random.Generator) -> int:
  """A few bytes that claim 3.6 gigapixels."""
  header = b'IHDR' + struct.pack('>IIBBBBB', 60_000, 60_000, 8, 2, 0, 0, 0)
  pixels = b'IDAT' + zlib.compress(bytes(10**6))
  chunks = [
    struct.pack('>I', len(chunk) - 4) + chunk + struct.pack('>I', zlib.crc32(chunk))
    for chunk in (header, pixels, b'IEND')
  ]
  return upload(port, b'\x89PNG\r\n\x1a\n' + b''.join(chunks))[0]


def _path(port: int, rng: np.random.Generator) -> int:
  paths = (
    *('/../../etc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '/..%2f..%2fetc%2fpasswd', '//etc/passwd'),
    *(
      '/config.json',
      '/example0.png/../../config.json',
      '/%00',
      '/\\..\\config.json',
      '/.git/HEAD',
    ),
  )
  status, body = ask(port, f'GET {paths[rng.integers(len(paths))]}')
  return status if b'root:' not in body and b'"format"' not in body else -1


def _form(port: int, rng: np.random.Generator) -> int:
  """A form with a path as the file's name."""
  body = (
    b'--x\r\nContent-Disposition: form-data; name="f"; filename="../../x.png"\r\n\r\n'
    + _file(rng)
    + b'\r\n--x--\r\n'
  )
  headers = ['Content-Type: multipart/form-data; boundary=x', f'Content-Length: {len(body)}']
  return ask(port, 'POST /translate', headers, body)[0]


def _too_long(port: int, rng: np.random.Generator) -> int:
  """Pieces without an end."""
  with _connected(port) as connection:
    connection.sendall(f'{_HEAD}Transfer-Encoding: chunked\r\n\r\n'.encode())
    piece = b'10000\r\n' + bytes(0x10000) + b'\r\n'
    with contextlib.suppress(ConnectionError):
      for _ in range(1000):
        connection.sendall(piece)
        if is_answered(connection):
          break
    # What is still under way keeps the connection open.
    return _answer_so_far(connection)


def _announced(more: int) -> Callable[[int, np.random.Generator], int]:
  """Announces more bytes, or fewer, than it sends."""

  def send(port: int, rng: np.random.Generator) -> int:
    content = _file(rng)
    with _connected(port) as connection:
      length = max(1, len(content) + more)
      connection.sendall(f'{_HEAD}Content-Length: {length}\r\n\r\n'.encode() + content)
      connection.shutdown(socket.SHUT_WR)
      return _answer(connection)[0]

  return send


def _trickles(port: int, rng: np.random.Generator) -> int:
  """A few bytes at a time, for as long as it may."""
  with _connected(port) as connection:
    head = (
      f'POST /translate HTTP/1.1\r\nHost: localhost\r\n{_TYPE}\r\nContent-Length: 100000\r\n\r\n'
    )
    connection.sendall(head.encode())
    end = time.monotonic() + _PATIENCE
    with contextlib.suppress(ConnectionError):
      while time.monotonic() < end and not is_answered(connection):
        connection.sendall(bytes(10))
        time.sleep(0.1)
    return _answer_so_far(connection)


def _leaves(seconds: float) -> Callable[[int, np.random.Generator], int]:
  """Sends an image, and is gone after some seconds without having read the answer."""

  def send(port: int, rng: np.random.Generator) -> int:
    content = _file(rng)
    with _connected(port) as connection:
      connection.sendall(f'{_HEAD}Content-Length: {len(content)}\r\n\r\n'.encode() + content)
      time.sleep(seconds)
    return NONE

  return send


def _single_bytes(port: int, rng: np.random.Generator) -> int:
  content = b''.join(b'1\r\n%c\r\n' % byte for byte in rng.bytes(20_000)) + b'0\r\n\r\n'
  return ask(port, 'POST /translate', [_TYPE, 'Transfer-Encoding: chunked'], content)[0]


def _no_http(port: int, rng: np.random.Generator) -> int:
  with _connected(port) as connection:
    connection.sendall(b'\x16\x03\x01' + rng.bytes(500) + b'\r\n\r\n')
    return _answer(connection)[0]


def is_answered(connection: socket.socket) -> bool:
  """Returns whether there is an answer to read, or the connection has ended."""
  patience = connection.gettimeout()
  connection.setblocking(False)
  try:
    connection.recv(1, socket.MSG_PEEK)
    return True
  except BlockingIOError:
    return False
  except ConnectionError:
    return True
  finally:
    connection.settimeout(patience)


def _answer_so_far(connection: socket.socket) -> int:
  try:
    return int(connection.recv(12).split()[1])
  except (ConnectionError, IndexError):
    return NONE


# By what a reader of the table calls them.
ATTACKS = {
  'random bytes': Attack(lambda port, rng: upload(port, rng.bytes(3000))[0], {422}),
  'an empty file': Attack(lambda port, rng: upload(port, b'')[0], {422}),
  'a PNG file cut off': Attack(_cut, {422}),
  'a PNG file that claims 3.6 gigapixels': Attack(_bomb, {422}),
  'paths out of the page': Attack(_path, {400, 404}),
  'a form with a path as the name': Attack(_form, {415}),
  'a page of another site': Attack(
    lambda port, rng: upload(port, _file(rng), 'Origin: http://evil.example')[0], {403}
  ),
  'a name that points here': Attack(lambda port, rng: ask(port, 'GET /', host='evil')[0], {400}),
  'a slider that does not exist': Attack(
    lambda port, rng: upload(port, _file(rng), query='?a=nan')[0], {422}
  ),
  'a terabyte announced': Attack(
    lambda port, rng: ask(port, 'POST /translate', [_TYPE, f'Content-Length: {10**12}'])[0], {413}
  ),
  'a body without end': Attack(_too_long, {413, NONE}),
  'more announced than sent': Attack(_announced(1000), {400, NONE}),
  'less announced than sent': Attack(_announced(-50), {422, NONE}),
  'a body byte by byte': Attack(_single_bytes, {422}),
  'a body that trickles': Attack(_trickles, {408}),
  'gone at once': Attack(_leaves(0), {NONE}),
  'an answer that is not read': Attack(_leaves(1), {NONE}),
  'a header of 200 KB': Attack(
    lambda port, rng: ask(port, 'GET /', ['X-A: ' + 200_000 * 'a'])[0], {400, 431, NONE}
  ),
  'no HTTP at all': Attack(_no_http, {400, NONE}),
}
