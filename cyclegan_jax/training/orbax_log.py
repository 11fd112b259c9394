"""What Orbax logs although it is no news."""

from collections.abc import Iterator
import contextlib
import logging

_EXPECTED = 'Given directory is read only'


def _is_news(record: logging.LogRecord) -> bool:
  return not record.getMessage().startswith(_EXPECTED)


@contextlib.contextmanager
def without_read_only() -> Iterator[None]:
  """Drops the warning that a folder opened to be read is read only."""
  logger = logging.getLogger('absl')
  logger.addFilter(_is_news)
  try:
    yield
  finally:
    logger.removeFilter(_is_news)
