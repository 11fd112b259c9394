"""A web page to try a model: drop an image on it, and its translation appears beside it.

A request carries an image in its body, and the response is the translation. No file is written,
only the page's own files are read, and no name that a visitor sends is used. Requires the extra
`app`.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
import contextlib
import socket

import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp
import uvicorn

from cyclegan_jax import interruption, memory
from cyclegan_jax.errors import is_out_of_memory, UserError
from cyclegan_jax.image_files import decoding, formats, images
from cyclegan_jax.inference.app import guards, messages
from cyclegan_jax.inference.app.content import Content
from cyclegan_jax.reports import page

Read = Callable[[bytes, str], np.ndarray]
# An image, and what is commanded by the names of sliders; {} without sliders.
Translate = Callable[[np.ndarray, Mapping[str, float]], np.ndarray]

LOOPBACK = ('localhost', '127.0.0.1', '::1')
# One image is translated at a time. So many more may wait meanwhile, and so many arrive.
_MOST_WAITING, _MOST_ARRIVING = 4, 12
_BODY_TYPE = 'application/octet-stream'
_SCRIPTS = ('wipe.js', 'app_view.js', 'app.js')


def make(
  translate: Translate,
  content: Content,
  max_bytes: int,
  hosts: Sequence[str] = LOOPBACK,
  read: Read = images.read_image,
) -> ASGIApp:
  """Makes the application.

  Args:
    translate: uint8 or uint16 [height, width, 1 or 3] to the same, of any size, and a value for
      each of the sliders that a visitor has moved. One thread at a time calls it. It may raise
      UserError.
    content: what the page shows.
    max_bytes: the largest file that is accepted; `decoding.limit_megapixels` limits the pixels.
    hosts: the names by which visitors may reach the page. Any other name, such as another site's
      that points here (DNS rebinding), is refused.
    read: decodes the content of a file, which it calls by the name it gets. It may raise UserError.
  """
  document, policy = _document(content, max_bytes)
  translations = _Translations(translate, max_bytes, read, content)
  files = {'': (document, 'text/html')}
  files |= {f'example{i}.png': (png, 'image/png') for i, png in enumerate(content.examples)}
  routes = [
    Route(f'/{name}', Response(text, media_type=kind), methods=['GET'])
    for name, (text, kind) in files.items()
  ]
  routes.append(Route('/translate', translations.answer, methods=['POST']))
  # Browsers write IPv6 addresses in brackets.
  allowed = [f'[{host}]' if ':' in host else host for host in hosts]
  known = Middleware(TrustedHostMiddleware, allowed_hosts=allowed, www_redirect=False)
  return guards.Headers(Starlette(routes=routes, middleware=[known]), policy)


def _document(content: Content, max_bytes: int) -> tuple[str, str]:
  """The page, and the policy that allows it its own script and style, and nothing else."""
  limits = (
    f'{messages.kinds()}, 8 or 16 bit, up to {max_bytes / 2**20:g} MiB. The image stays on '
    'the machine that runs this page.'
  )
  style = page.asset('style.css') + page.asset('app.css')
  script = ''.join(map(page.asset, _SCRIPTS))
  numbers = dict(max_bytes=max_bytes, max_pixels=decoding.MAX_PIXELS)
  accept = ','.join(formats.EXTENSIONS)
  texts = dict(limits=limits, accept=accept, style=style, script=script, **numbers)
  policy = (
    f"default-src 'none'; script-src '{page.digest(script)}'; style-src '{page.digest(style)}'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
  )
  return page.text('app.html', content=content, **texts), policy


def serve(application: ASGIApp, listener: socket.socket) -> None:
  """Answers requests until Ctrl-C."""
  # uvicorn shuts down first, then raises it again.
  with interruption.handled_by_others(), contextlib.suppress(KeyboardInterrupt):
    uvicorn.Server(server_config(application)).run(sockets=[listener])


def server_config(application: ASGIApp) -> uvicorn.Config:
  """Returns how uvicorn serves the page."""
  return uvicorn.Config(
    application,
    http=guards.Protocol,
    ws='none',
    lifespan='off',
    # Warnings are about what visitors send: anybody could fill the log.
    log_level='error',
    access_log=False,
    server_header=False,
    timeout_keep_alive=10,
    timeout_graceful_shutdown=5,
  )


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

  def __init__(self, translate: Translate, max_bytes: int, read: Read, content: Content) -> None:
    self._translate = translate
    self._read = read
    self._content = content
    self._sliders = {slider.name: slider for slider in content.sliders}
    self._max_bytes = max_bytes
    self._arriving = self._waiting = 0
    self._one = asyncio.Lock()

  async def answer(self, request: Request) -> Response:
    """Returns the PNG file of a translation; HTTPException with a sentence if there is none."""
    guards.check_origin(request)
    # Pages of other sites cannot send this type without permission.
    if request.headers.get('content-type') != _BODY_TYPE:
      raise HTTPException(415, f'Images are sent as {_BODY_TYPE}.')
    levels = self._levels(request.query_params.multi_items())
    if self._arriving >= _MOST_ARRIVING:
      raise _busy()
    self._arriving += 1
    try:
      data = await guards.body(request, self._max_bytes)
    except ClientDisconnect:
      return Response(status_code=400)
    finally:
      self._arriving -= 1
    if self._waiting > _MOST_WAITING:
      raise _busy()
    self._waiting += 1
    try:
      async with self._one:
        # Nobody waits for it any more.
        if await request.is_disconnected():
          return Response(status_code=400)
        return await run_in_threadpool(self._response, data, levels)
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

  def _response(self, data: bytes, levels: Mapping[str, float]) -> Response:
    try:
      return self._translated(data, levels)
    finally:
      memory.give_back()  # What a large image took would be kept for the next one.

  def _translated(self, data: bytes, levels: Mapping[str, float]) -> Response:
    """Translates an image file to a PNG file, and says if it is unlike those of the training."""
    if refusal := messages.refusal(data):
      raise HTTPException(422, refusal)
    try:
      pixels = self._read(data, 'This file')
      strangeness = self._content.strangeness(pixels) if self._content.strangeness else 0.0
      png = images.encode_png(self._translate(pixels, levels))
    except UserError as error:
      raise HTTPException(422, messages.of(error)) from error
    except (MemoryError, RuntimeError) as error:
      # XLA's out-of-memory error is a RuntimeError.
      if not is_out_of_memory(error):
        raise
      raise HTTPException(413, messages.NO_MEMORY) from error
    return Response(png, media_type='image/png', headers={'strangeness': f'{strangeness:.2f}'})


def _busy() -> HTTPException:
  return HTTPException(503, 'Other images are being translated. Try again in a moment.')
