"""A web page on which an image is dropped and its translation appears beside it.

An image is the body of a request and its translation the answer: no file is written, none but
the page's own is read, and no name that a visitor sends is used. Requires the extra `app`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
import functools
import socket

import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cyclegan_jax.data import decoding, images
from cyclegan_jax.errors import is_out_of_memory, UserError
from cyclegan_jax.reports import page

Translate = Callable[[np.ndarray], np.ndarray]

LOOPBACK = ('localhost', '127.0.0.1', '::1')
# One image is translated at a time; so many more may be sent or wait meanwhile.
_MOST_WAITING = 4
_SECONDS_TO_SEND = 60.0
_BODY_TYPE = 'application/octet-stream'
_HEADERS = {
  'content-security-policy': "default-src 'none'; script-src 'self'; style-src 'self'; img-src blob: data:; "
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
}


class _Refused(Exception):
  """A request that is answered with a status and a sentence for the person at the page."""

  def __init__(self, status: int, text: str):
    super().__init__(text)
    self.status, self.text = status, text


def make(
  translate: Translate, title: str, about: str, max_bytes: int, hosts: Sequence[str] = LOOPBACK
) -> Starlette:
  """The application.

  Args:
    translate: uint8 or uint16 [height, width, 1 or 3] to the same, of any size; it is called by
      one thread at a time, and may raise UserError.
    title: of the page.
    about: a sentence on the model.
    max_bytes: the largest file that is accepted. How many pixels it may have is set by
      `decoding.limit_megapixels`.
    hosts: under which names visitors may ask for the page. Another site's name that is made to
      lead here (DNS rebinding) is refused.
  """
  limits = (
    f'PNG, JPEG, BMP or TIFF, 8 or 16 bit, up to {max_bytes / 2**20:g} MiB and '
    f'{decoding.MAX_PIXELS // 10**6} megapixels. The image stays on the machine that '
    'runs this page.'
  )
  document = page.text('app.html', title=title, about=about, limits=limits, max_bytes=max_bytes)
  files = {
    '/': (document, 'text/html'),
    '/style.css': (page.asset('style.css'), 'text/css'),
    **{f'/{script}': (page.asset(script), 'text/javascript') for script in ('wipe.js', 'app.js')},
  }
  routes = [
    Route(path, functools.partial(_file, text, kind)) for path, (text, kind) in files.items()
  ]
  routes.append(Route('/translate', _Translations(translate, max_bytes).answer, methods=['POST']))
  # As browsers write them: addresses of IPv6 in brackets.
  allowed = [f'[{host}]' if ':' in host else host for host in hosts]
  middleware = [
    Middleware(_WithHeaders),
    Middleware(TrustedHostMiddleware, allowed_hosts=allowed, www_redirect=False),
  ]
  return Starlette(routes=routes, middleware=middleware)


def names_of(host: str) -> list[str]:
  """Under which names a page is asked for that listens on an address; see `make`."""
  if host in LOOPBACK:
    return [*LOOPBACK]
  own = {socket.gethostname(), socket.getfqdn()}
  try:
    own |= {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)}
  except OSError:  # A machine that does not know itself.
    pass
  return sorted({*LOOPBACK, host, *own})


def bound_socket(host: str, port: int) -> socket.socket:
  """A socket that listens there; UserError if that is not possible, naming --host or --port."""
  try:
    family, kind, protocol, _, address = socket.getaddrinfo(
      host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
  except OSError as error:
    raise UserError(
      f'--host={host} is not an address of this machine: {error.strerror}.'
    ) from error
  listener = socket.socket(family, kind, protocol)
  try:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen()
  except OSError as error:
    listener.close()
    raise UserError(
      f'--host={host} --port={port} cannot be used: {error.strerror}. Choose another '
      '--port; 0 takes a free one.'
    ) from error
  return listener


async def _file(text: str, kind: str, request: Request) -> Response:
  del request
  return Response(text, media_type=kind)


class _Translations:
  """Answers requests one after the other; those that would wait too long are refused."""

  def __init__(self, translate: Translate, max_bytes: int):
    self._translate = translate
    self._max_bytes = max_bytes
    self._waiting = 0
    self._one = asyncio.Lock()

  async def answer(self, request: Request) -> Response:
    """The PNG file of a translation, or a sentence on why there is none."""
    if self._waiting > _MOST_WAITING:
      return PlainTextResponse('Other images are being translated. Try again in a moment.', 503)
    self._waiting += 1
    try:
      # Other sites' pages may not send this type unasked.
      if request.headers.get('content-type') != _BODY_TYPE:
        raise _Refused(415, f'Images are sent as {_BODY_TYPE}.')
      async with asyncio.timeout(_SECONDS_TO_SEND):
        data = b''.join([part async for part in self._body(request)])
      async with self._one:
        png = await run_in_threadpool(self._translated, data)
      return Response(png, media_type='image/png')
    except _Refused as error:
      return PlainTextResponse(error.text, error.status)
    except TimeoutError:
      return PlainTextResponse('The image took too long to arrive.', 408)
    except ClientDisconnect:
      return Response(status_code=400)
    finally:
      self._waiting -= 1

  async def _body(self, request: Request) -> AsyncIterator[bytes]:
    """The parts of a body, as long as they are not too many."""
    refused = _Refused(413, f'This file is larger than {self._max_bytes / 2**20:g} MiB.')
    announced = request.headers.get('content-length', '0')
    if announced.isdecimal() and int(announced) > self._max_bytes:
      raise refused
    received = 0
    async for part in request.stream():
      received += len(part)
      if received > self._max_bytes:
        raise refused
      yield part

  def _translated(self, data: bytes) -> bytes:
    try:
      return images.encode_png(self._translate(images.read_image(data, 'This file')))
    except UserError as error:
      raise _Refused(422, str(error)) from error
    except (MemoryError, RuntimeError) as error:
      # XLA's out-of-memory error is a RuntimeError.
      if not is_out_of_memory(error):
        raise
      raise _Refused(
        413, 'There is not enough memory to translate an image as large as this.'
      ) from error


class _WithHeaders:
  """Adds headers to all answers."""

  def __init__(self, app: ASGIApp):
    self._app = app

  async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
    async def with_headers(message: Message) -> None:
      if message['type'] == 'http.response.start':
        message['headers'] = [
          *message['headers'],
          *((name.encode(), value.encode()) for name, value in _HEADERS.items()),
        ]
      await send(message)

    await self._app(scope, receive, with_headers)
