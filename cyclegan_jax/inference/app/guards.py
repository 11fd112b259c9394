"""What the try-out page's server holds against careless and hostile visitors.

Deadlines for whoever sends or reads slowly, a limit of connections, and headers that tell browsers
to allow the page nothing but what it needs.
"""

import asyncio
from collections.abc import AsyncIterator
import itertools
import urllib.parse

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http import h11_impl

# Images and answers have to move this fast, in bytes per second, after some seconds to begin.
_PACE = 64 * 2**10
SECONDS_TO_BEGIN = 10.0
# A connection without work is closed after three looks.
SECONDS_BETWEEN_LOOKS, _LOOKS = 5.0, 3
_MOST_CONNECTIONS = 64
# Of connections, in the order in which they come.
_numbers = itertools.count()

_HEADERS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'permissions-policy': 'camera=(), display-capture=(), geolocation=(), microphone=(), usb=()',
  'cache-control': 'no-store',
}


class Headers:
  """An application whose every response, errors too, carries the headers of a security review."""

  def __init__(self, application: ASGIApp, policy: str):
    """Wraps an application; `policy` is the content security policy of its pages."""
    self._application = application
    headers = _HEADERS | {'content-security-policy': policy}
    self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

  async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers a request, as ASGI has it."""

    async def send_with_headers(message: Message) -> None:
      if message['type'] == 'http.response.start':
        message = {**message, 'headers': [*message.get('headers', []), *self._headers]}
      await send(message)

    await self._application(scope, receive, send_with_headers)


class Protocol(h11_impl.H11Protocol):
  """HTTP connections that end if nothing happens on them, which uvicorn's do not all do.

  Without this, connections that send half a request, or never read their answer, stay forever. If
  there are many, a new one takes the place of the one on which nothing has happened for longest.
  """

  _number = 0
  _next_look: asyncio.TimerHandle | None = None
  _looks, _unread = 0, 0
  _last: h11_impl.RequestResponseCycle | None = None

  def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
    """Admits a connection, unless there are too many that work."""
    super().connection_made(transport)
    # Times would not do: a loop may have one time for all that it finds at once.
    self._number = next(_numbers)
    self._look_later()
    others = [one for one in self.connections if isinstance(one, Protocol) and one._is_open()]
    if len(others) > _MOST_CONNECTIONS:
      # Itself, if all others work: it has not been looked at, and nothing has come.
      idle = (one for one in others if not one._works())
      min(idle, key=lambda one: (-one._looks, one._number)).transport.abort()

  def connection_lost(self, exc: Exception | None) -> None:
    """Forgets a connection."""
    super().connection_lost(exc)
    if self._next_look:
      self._next_look.cancel()

  def _is_open(self) -> bool:
    return not self.transport.is_closing()

  def _works(self) -> bool:
    """Whether a request is being received or answered; `body` watches over what is sent."""
    busy = self.cycle is not None and not self.cycle.response_complete
    return busy and not self.transport.get_write_buffer_size()

  def _look_later(self) -> None:
    self._next_look = self.loop.call_later(SECONDS_BETWEEN_LOOKS, self._look)

  def _look(self) -> None:
    """Ends the connection if it stood still at several looks in a row."""
    unread = self.transport.get_write_buffer_size()
    is_read = 0 < unread <= self._unread - _PACE * SECONDS_BETWEEN_LOOKS
    stands = not self._works() and not is_read and self.cycle is self._last
    self._looks = self._looks + 1 if stands else 0
    self._last, self._unread = self.cycle, unread
    if self._looks >= _LOOKS:
      self.transport.abort()
    else:
      self._look_later()


def check_origin(request: Request) -> None:
  """Refuses what a page of another site sends; programs that are no browsers send no origin."""
  origin = request.headers.get('origin')
  host = request.headers.get('host', '')
  if origin is not None and urllib.parse.urlsplit(origin).netloc.lower() != host.lower():
    raise HTTPException(403, 'Only the page itself may send images.')


async def body(request: Request, max_bytes: int) -> bytes:
  """Returns the body of a request; HTTPException once it is too large, or comes too slowly."""
  received = bytearray()  # Not a list: a body may come byte by byte.
  loop = asyncio.get_running_loop()
  begun = loop.time()
  try:
    async with asyncio.timeout(SECONDS_TO_BEGIN) as limit:
      async for part in _parts(request, max_bytes):
        received += part
        limit.reschedule(begun + SECONDS_TO_BEGIN + len(received) / _PACE)
  except TimeoutError as error:
    raise HTTPException(408, 'The image took too long to arrive.') from error
  return bytes(received)


async def _parts(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
  """Yields the parts of a body, up to a size."""
  refused = HTTPException(413, f'This file is larger than {max_bytes / 2**20:g} MiB.')
  announced = request.headers.get('content-length', '0')
  if announced.isdecimal() and int(announced) > max_bytes:
    raise refused
  received = 0
  async for part in request.stream():
    received += len(part)
    if received > max_bytes:
      raise refused
    yield part
