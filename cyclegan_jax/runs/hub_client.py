"""How the Hugging Face Hub is addressed and asked, and what its answers mean for a user."""

from collections.abc import Iterator
import contextlib
import dataclasses
import os
import re
from typing import Any

from cyclegan_jax.errors import UserError

PREFIX = 'hf://'
NEWEST = 'main'
_NAME = r'[A-Za-z0-9][A-Za-z0-9_.-]{0,95}'
_REPOSITORY = re.compile(f'{_NAME}/{_NAME}')
_REVISION = re.compile(r'[A-Za-z0-9][A-Za-z0-9_./-]{0,199}')


@dataclasses.dataclass(frozen=True)
class Address:
  """A repository, OWNER/NAME, and one of its revisions."""

  repository: str
  revision: str = NEWEST

  def __str__(self) -> str:
    return PREFIX + self.repository + (f'@{self.revision}' if self.revision != NEWEST else '')


def is_address(text: str | os.PathLike[str]) -> bool:
  """Returns whether a text means a model on the Hub, not a folder."""
  return isinstance(text, str) and text.startswith(PREFIX)


def parse(text: str) -> Address:
  """Reads an address; UserError if it is not one."""
  repository, at, revision = text.removeprefix(PREFIX).partition('@')
  if not _REPOSITORY.fullmatch(repository) or (at and not _REVISION.fullmatch(revision)):
    raise UserError(f'{text}: expected hf://OWNER/NAME or hf://OWNER/NAME@REVISION.')
  return Address(repository, revision or NEWEST)


class NoConnection(Exception):
  """The server cannot be reached."""


@contextlib.contextmanager
def explained(address: Address) -> Iterator[None]:
  """Turns errors of the Hub into UserError, and those of the way there into NoConnection."""
  from huggingface_hub import constants, errors

  # Of httpx or httpx2, as the version has it.
  of_transport = errors.HfHubHTTPError.__bases__[0]
  lost = errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError, ConnectionError, of_transport
  try:
    yield
  except errors.HfHubHTTPError as error:
    raise UserError(_refusal(address, error)) from error
  except lost as error:
    why = 'HF_HUB_OFFLINE is set' if constants.HF_HUB_OFFLINE else type(error).__name__
    raise NoConnection(f'{address}: {endpoint()} cannot be reached ({why}).') from error
  except ValueError as error:  # What the Hub says of a model card.
    raise UserError(f'{address}: {_first_line(error)}') from error
  except OSError as error:
    if error.errno is not None:  # Of the disk.
      raise
    raise UserError(
      f'{address}: a file is cut short on its way ({_first_line(error)}). Try again.'
    ) from error


def _refusal(address: Address, error: Any) -> str:
  """Says what an answer of the Hub means for the user."""
  from huggingface_hub import errors

  status, page = error.response.status_code, f'{endpoint()}/{address.repository}'
  if isinstance(error, errors.GatedRepoError):
    return f'{address}: its author has to let you in. Ask for access at {page}'
  if isinstance(error, errors.RevisionNotFoundError):
    return f'{address}: there is no such revision. {page}/commits/{NEWEST} lists them.'
  if status in (401, 403, 404):
    return (
      f'{address}: {endpoint()} answers {status}. There is no such model, it is private, '
      'or your token is wrong or lacks the right. Check the name, and log in with `hf auth login` '
      'or HF_TOKEN.'
    )
  return f'{address}: {endpoint()} answers {status} ({_first_line(error)}). Try again later.'


def endpoint() -> str:
  """Returns the address of the server."""
  return os.environ.get('HF_ENDPOINT') or 'https://huggingface.co'


def _first_line(error: Exception) -> str:
  return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def package() -> Any:
  """Imports huggingface_hub; UserError if it is not installed."""
  try:
    import huggingface_hub.utils
  except ImportError as error:
    raise UserError('hf:// needs huggingface_hub: pip install -e ".[hub]"') from error
  huggingface_hub.utils.disable_progress_bars()
  return huggingface_hub
