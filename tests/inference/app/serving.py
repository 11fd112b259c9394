"""The try-out page, served by a thread."""

from collections.abc import Iterator
import contextlib
import threading

from starlette.types import ASGIApp
import uvicorn

from cyclegan_jax.inference.app import server


@contextlib.contextmanager
def served(page: ASGIApp) -> Iterator[int]:
  """The port of a page, served as `server.serve` serves it."""
  with server.bound_socket('127.0.0.1', 0) as listener:
    running = uvicorn.Server(server.server_config(page))
    thread = threading.Thread(target=running.run, kwargs={'sockets': [listener]})
    thread.start()
    try:
      yield listener.getsockname()[1]
    finally:
      running.should_exit = True
      thread.join()
