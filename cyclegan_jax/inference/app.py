"""A web page to try a model: drop an image on it, and its translation appears beside it.

A request carries an image in its body, and the response is the translation. No file is written,
only the page's own files are read, and no name that a visitor sends is used. Requires the extra
`app`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
import contextlib
import socket

import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
import uvicorn

from cyclegan_jax import interruption
from cyclegan_jax.data import decoding, images
from cyclegan_jax.errors import is_out_of_memory, UserError
from cyclegan_jax.inference.sliders import Slider
from cyclegan_jax.reports import page

Read = Callable[[bytes, str], np.ndarray]
# An image, and what is commanded by the names of sliders; {} without sliders.
Translate = Callable[[np.ndarray, Mapping[str, float]], np.ndarray]

LOOPBACK = ('localhost', '127.0.0.1', '::1')
# One image is translated at a time. This many more may be sent or wait meanwhile.
_MOST_WAITING = 4
_SECONDS_TO_SEND = 60.0
_BODY_TYPE = 'application/octet-stream'
_POLICY = (
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src blob: data:; "
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
  'content-security-policy': _POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
}


def make(
  translate: Translate,
  title: str,
  about: str,
  max_bytes: int,
  hosts: Sequence[str] = LOOPBACK,
  read: Read = images.read_image,
  sliders: Sequence[Slider] = (),
) -> Starlette:
  """Makes the application.

  Args:
    translate: uint8 or uint16 [height, width, 1 or 3] to the same, of any size, and a value for
      each of the sliders that a visitor has moved. One thread at a time calls it. It may raise
      UserError.
    title: of the page.
    about: a sentence on the model.
    max_bytes: the largest file that is accepted; `decoding.limit_megapixels` limits the pixels.
    hosts: the names by which visitors may reach the page. Any other name, such as another site's
      that points here (DNS rebinding), is refused.
    read: decodes the content of a file, which it calls by the name it gets. It may raise UserError.
    sliders: what visitors may command.
  """
  limits = (
    f'PNG, JPEG, BMP or TIFF, 8 or 16 bit, up to {max_bytes / 2**20:g} MiB and '
    f'{decoding.MAX_PIXELS // 10**6} megapixels. The image stays on the machine that '
    'runs this page.'
  )
  texts = dict(title=title, about=about, limits=limits, max_bytes=max_bytes, sliders=sliders)
  document = page.text('app.html', **texts)
  files = [('', document, 'text/html'), ('style.css', page.asset('style.css'), 'text/css')]
  files += [(name, page.asset(name), 'text/javascript') for name in ('wipe.js', 'app.js')]
  routes = [
    Route(f'/{name}', Response(text, media_type=kind), methods=['GET'])
    for name, text, kind in files
  ]
  translations = _Translations(translate, max_bytes, read, sliders)
  routes.append(Route('/translate', translations.answer, methods=['POST']))
  # Browsers write IPv6 addresses in brackets.
  allowed = [f'[{host}]' if ':' in host else host for host in hosts]
  headers = Middleware(BaseHTTPMiddleware, dispatch=_with_headers)
  known = Middleware(TrustedHostMiddleware, allowed_hosts=allowed, www_redirect=False)
  return Starlette(routes=routes, middleware=[headers, known])


def serve(application: Starlette, listener: socket.socket) -> None:
  """Answers requests until Ctrl-C."""
  quiet = dict(log_level='warning', access_log=False, server_header=False)
  limits = dict(limit_concurrency=64, timeout_keep_alive=10, timeout_graceful_shutdown=5)
  config = uvicorn.Config(application, lifespan='off', **quiet, **limits)
  # uvicorn shuts down first, then raises it again.
  with interruption.handled_by_others(), contextlib.suppress(KeyboardInterrupt):
    uvicorn.Server(config).run(sockets=[listener])


def names_of(host: str) -> list[str]:
  """Returns the names by which visitors may reach an address, for `make`."""
  if host in LOOPBACK:
    return [*LOOPBACK]
  names = {*LOOPBACK, host, socket.gethostname(), socket.getfqdn()}
  with contextlib.suppress(OSError):  # A machine that cannot resolve its own name.
    names |= {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None)}
  return sorted(names)


def bound_socket(host: str, port: int) -> socket.socket:
  """Returns a listening socket; UserError naming --host or --port if that is not possible."""
  try:
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
  except OSError as error:
    message = f'--host={host} is not an address of this machine: {error.strerror}.'
    raise UserError(message) from error
  both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
  try:
    return socket.create_server((host, port), family=family, dualstack_ipv6=both)
  except OSError as error:
    raise UserError(
      f'--host={host} --port={port} cannot be used: {error.strerror}. Choose another --port; 0 '
      'takes a free one.'
    ) from error


class _Translations:
  """Translates for one request at a time, and refuses requests that would wait too long."""

  def __init__(
    self, translate: Translate, max_bytes: int, read: Read, sliders: Sequence[Slider]
  ) -> None:
    self._translate = translate
    self._read = read
    self._sliders = {slider.name: slider for slider in sliders}
    self._max_bytes = max_bytes
    self._waiting = 0
    self._one = asyncio.Lock()

  async def answer(self, request: Request) -> Response:
    """Returns the PNG file of a translation; HTTPException with a sentence if there is none."""
    if self._waiting > _MOST_WAITING:
      raise HTTPException(503, 'Other images are being translated. Try again in a moment.')
    # Pages of other sites cannot send this type without permission.
    if request.headers.get('content-type') != _BODY_TYPE:
      raise HTTPException(415, f'Images are sent as {_BODY_TYPE}.')
    levels = self._levels(request.query_params.multi_items())
    self._waiting += 1
    try:
      async with asyncio.timeout(_SECONDS_TO_SEND):
        data = b''.join([part async for part in self._body(request)])
      async with self._one:
        png = await run_in_threadpool(self._translated, data, levels)
      return Response(png, media_type='image/png')
    except TimeoutError as error:
      raise HTTPException(408, 'The image took too long to arrive.') from error
    except ClientDisconnect:
      return Response(status_code=400)
    finally:
      self._waiting -= 1

  def _levels(self, asked: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Returns what is commanded; refuses what no slider gives."""
    levels = {}
    for name, text in asked:
      slider = self._sliders.get(name)
      try:
        levels[name] = float(text)
      except ValueError:
        slider = None
      # Not NaN either.
      if not slider or not slider.low <= levels[name] <= slider.high:
        raise HTTPException(422, 'There is no such slider, or it does not go that far.')
    return levels

  async def _body(self, request: Request) -> AsyncIterator[bytes]:
    """Yields the parts of a body; refuses it as soon as it is too large."""
    refused = HTTPException(413, f'This file is larger than {self._max_bytes / 2**20:g} MiB.')
    announced = request.headers.get('content-length', '0')
    if announced.isdecimal() and int(announced) > self._max_bytes:
      raise refused
    received = 0
    async for part in request.stream():
      received += len(part)
      if received > self._max_bytes:
        raise refused
      yield part

  def _translated(self, data: bytes, levels: Mapping[str, float]) -> bytes:
    """Translates an image file to a PNG file."""
    try:
      return images.encode_png(self._translate(self._read(data, 'This file'), levels))
    except UserError as error:
      raise HTTPException(422, str(error)) from error
    except (MemoryError, RuntimeError) as error:
      # XLA's out-of-memory error is a RuntimeError.
      if not is_out_of_memory(error):
        raise
      message = 'There is not enough memory to translate an image as large as this.'
      raise HTTPException(413, message) from error


async def _with_headers(request: Request, answer: RequestResponseEndpoint) -> Response:
  """Adds _HEADERS to every response."""
  response = await answer(request)
  response.headers.update(_HEADERS)
  return response
