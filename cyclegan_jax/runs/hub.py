"""Models on the Hugging Face Hub, or a server that speaks its calls (HF_ENDPOINT).

hf://owner/name            the newest revision
hf://owner/name@revision   a commit, a tag, or a branch

What is fetched is a folder of published.py, ~/.cache/cyclegan_jax_hub/OWNER/NAME/COMMIT, which
appears when it is whole. Nothing but arrays and JSON is fetched.
"""

from collections.abc import Callable, Iterator, Mapping
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shutil
import tempfile
from typing import Any

from cyclegan_jax import files
from cyclegan_jax.errors import UserError
from cyclegan_jax.progress import Log
from cyclegan_jax.runs import published, run_folder

PREFIX = 'hf://'
# Bytes that each file may have; those with False may be missing.
_LARGEST_JSON, _LARGEST_WEIGHTS = 2**22, 2**31
_FILES = {
  published.MODEL: (_LARGEST_JSON, True),
  run_folder.CONFIG: (_LARGEST_JSON, True),
  run_folder.DATA: (_LARGEST_JSON, True),
  run_folder.CONDITION: (_LARGEST_JSON, False),
  published.WEIGHTS: (_LARGEST_WEIGHTS, True),
}
# What an upload replaces, whatever its name.
_REPLACED = ('*.onnx', 'evaluation/*', 'pictures/*', run_folder.CONDITION)
_NEWEST = 'main'
# In the folder of a repository: the commit that each revision was at last.
_REVISIONS = 'revisions.json'
_NAME = r'[A-Za-z0-9][A-Za-z0-9_.-]{0,95}'
_REPOSITORY = re.compile(f'{_NAME}/{_NAME}')
_REVISION = re.compile(r'[A-Za-z0-9][A-Za-z0-9_./-]{0,199}')
_COMMIT = re.compile(r'[0-9a-f]{40}')
_SECONDS = 20.0


@dataclasses.dataclass(frozen=True)
class Address:
  """A repository, OWNER/NAME, and one of its revisions."""

  repository: str
  revision: str = _NEWEST

  def __str__(self) -> str:
    return PREFIX + self.repository + (f'@{self.revision}' if self.revision != _NEWEST else '')


def is_address(text: str | os.PathLike[str]) -> bool:
  """Returns whether a text means a model on the Hub, not a folder."""
  return isinstance(text, str) and text.startswith(PREFIX)


def located(text: str, log: Log = print) -> pathlib.Path:
  """Returns the folder of a run, given as such, or of a model on the Hub; see `fetch`."""
  return fetch(text, log) if is_address(text) else pathlib.Path(text)


def parse(text: str) -> Address:
  """Reads an address; UserError if it is not one."""
  repository, at, revision = text.removeprefix(PREFIX).partition('@')
  if not _REPOSITORY.fullmatch(repository) or (at and not _REVISION.fullmatch(revision)):
    raise UserError(f'{text}: expected hf://OWNER/NAME or hf://OWNER/NAME@REVISION.')
  return Address(repository, revision or _NEWEST)


def fetch(text: str, log: Log = print) -> pathlib.Path:
  """Returns the folder of a model on the Hub, which is downloaded unless it is there already.

  Without a connection, it is the revision that was fetched last.

  Args:
    text: the address.
    log: takes a line about what is fetched, or why not.

  Raises:
    UserError: there is no such model or revision, or no access to it; it was not written by
      experiments.publish, is too large, arrives incomplete, or cannot be stored; or there is no
      connection, and it has not been fetched before.
  """
  address = parse(text)
  place = cache() / address.repository
  if _COMMIT.fullmatch(address.revision) and (place / address.revision).is_dir():
    return place / address.revision
  known = place / _known(place).get(address.revision, '-')
  api = _hub().HfApi(endpoint=_endpoint())
  try:
    with _explained(address):
      info = api.model_info(
        address.repository, revision=address.revision, files_metadata=True, timeout=_SECONDS
      )
  except NoConnection as error:
    if not known.is_dir():
      raise UserError(
        f'{error} It has not been fetched before, so a connection is needed.'
      ) from error
    log(f'{error} Using {known.name}, which was fetched before.')
    return known
  sizes = _checked(address, {file.rfilename: file.size for file in info.siblings or ()})
  folder = place / info.sha
  if not folder.is_dir():
    log(f'Fetching {address}, {sum(sizes.values()) / 2**20:.1f} MiB.')
    _download(dataclasses.replace(address, revision=info.sha), sizes, folder)
  _remember(place, address.revision, info.sha)
  return folder


def cache() -> pathlib.Path:
  """Returns the folder for fetched models; you may delete it."""
  base = os.environ.get('XDG_CACHE_HOME', '')
  return files.expanded(base if os.path.isabs(base) else '~/.cache') / 'cyclegan_jax_hub'


def copy(folder: pathlib.Path, into: pathlib.Path) -> pathlib.Path:
  """Copies a fetched model to a folder in `into`, unless it is there: results go beside it."""
  target = into / f'{folder.parent.name}_{folder.name[:8]}'
  if not target.exists():
    target.parent.mkdir(parents=True, exist_ok=True)
    _appear(target, lambda temporary: shutil.copytree(folder, temporary, dirs_exist_ok=True))
  return target


class NoConnection(Exception):
  """The server cannot be reached."""


def _checked(address: Address, found: Mapping[str, int | None]) -> dict[str, int]:
  """Returns the sizes of the files to fetch, if the repository is one of ours."""
  if published.MODEL not in found or published.WEIGHTS not in found:
    names = ', '.join(sorted(found)[:5]) or 'no files'
    raise UserError(
      f'{address} is not a model of this program: it has no {published.MODEL} and '
      f'{published.WEIGHTS}, as experiments.publish writes them. It has {names}.'
    )
  sizes = {}
  for name, (largest, needed) in _FILES.items():
    size = found.get(name)
    if name not in found and not needed:
      continue
    if size is None:
      raise UserError(
        f'{address} is incomplete: it has no {name}. Ask its author to publish again.'
      )
    if size > largest:
      raise UserError(
        f'{address}: {name} has {size / 2**20:,.0f} MiB, and at most {largest / 2**20:,.0f} are '
        'fetched. Is it the right model?'
      )
    sizes[name] = size
  return sizes


def _download(address: Address, sizes: Mapping[str, int], folder: pathlib.Path) -> None:
  """Downloads files into a folder that appears when all are there."""
  hub = _hub()

  def fill(temporary: pathlib.Path) -> None:
    for name, size in sizes.items():
      with _explained(address):
        hub.hf_hub_download(
          address.repository,
          name,
          revision=address.revision,
          local_dir=temporary,
          endpoint=_endpoint(),
        )
      if (found := (temporary / name).stat().st_size) != size:
        raise UserError(
          f'{address}: {name} is cut short: {found:,} of {size:,} bytes arrived. Try again.'
        )
    shutil.rmtree(temporary / '.cache', ignore_errors=True)  # Of the package.
    files.write_text(temporary / published.SOURCE, json.dumps({'source': str(address)}) + '\n')

  try:
    folder.parent.mkdir(parents=True, exist_ok=True)
    _appear(folder, fill)
  except OSError as error:
    raise UserError(
      f'{address} cannot be stored in {folder.parent}: {error.strerror or error}. XDG_CACHE_HOME '
      'names another folder for caches.'
    ) from error
  except NoConnection as error:
    raise UserError(f'{error} Try again.') from error


def _appear(folder: pathlib.Path, fill: Callable[[pathlib.Path], Any]) -> None:
  """Makes a folder that is whole or not there."""
  with tempfile.TemporaryDirectory(dir=folder.parent, prefix='.') as temporary:
    whole = pathlib.Path(temporary) / 'whole'
    whole.mkdir()
    fill(whole)
    try:
      whole.rename(folder)
    except OSError:
      if not folder.is_dir():  # Otherwise another process was quicker.
        raise


def _known(place: pathlib.Path) -> dict[str, str]:
  try:
    known = json.loads((place / _REVISIONS).read_text())
    return {str(revision): str(commit) for revision, commit in known.items()}
  except (OSError, ValueError, AttributeError):
    return {}


def _remember(place: pathlib.Path, revision: str, commit: str) -> None:
  if (known := _known(place)).get(revision) != commit:
    with contextlib.suppress(OSError):
      files.write_text(place / _REVISIONS, json.dumps({**known, revision: commit}) + '\n')


@contextlib.contextmanager
def _explained(address: Address) -> Iterator[None]:
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
    raise NoConnection(f'{address}: {_endpoint()} cannot be reached ({why}).') from error
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

  status, page = error.response.status_code, f'{_endpoint()}/{address.repository}'
  if isinstance(error, errors.GatedRepoError):
    return f'{address}: its author has to let you in. Ask for access at {page}'
  if isinstance(error, errors.RevisionNotFoundError):
    return f'{address}: there is no such revision. {page}/commits/{_NEWEST} lists them.'
  if status in (401, 403, 404):
    return (
      f'{address}: {_endpoint()} answers {status}. There is no such model, it is private, '
      'or your token is wrong or lacks the right. Check the name, and log in with `hf auth login` '
      'or HF_TOKEN.'
    )
  return f'{address}: {_endpoint()} answers {status} ({_first_line(error)}). Try again later.'


def _endpoint() -> str:
  """Returns the address of the server."""
  return os.environ.get('HF_ENDPOINT') or 'https://huggingface.co'


def _first_line(error: Exception) -> str:
  return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _hub() -> Any:
  """Imports huggingface_hub; UserError if it is not installed."""
  try:
    import huggingface_hub.utils
  except ImportError as error:
    raise UserError('hf:// needs huggingface_hub: pip install -e ".[hub]"') from error
  huggingface_hub.utils.disable_progress_bars()
  return huggingface_hub


def upload(folder: pathlib.Path, repository: str, *, private: bool) -> Address:
  """Uploads a folder to a repository, which is made if it does not exist.

  Returns:
    The address of what is there now, with its commit.

  Raises:
    UserError: the name is none, there is no access, the repository has another visibility or holds
      something else, or there is no connection.
  """
  address = parse(PREFIX + repository)
  hub = _hub()
  api = hub.HfApi(endpoint=_endpoint())
  try:
    _check_theirs(api, address, private)
    with _explained(address):
      api.create_repo(repository, private=private, exist_ok=True)
      done = api.upload_folder(
        repo_id=repository,
        folder_path=folder,
        commit_message='Upload by cyclegan_jax',
        delete_patterns=list(_REPLACED),
      )
  except NoConnection as error:
    raise UserError(f'{error} Connect, and run the command again.') from error
  return Address(repository, done.oid)


def _check_theirs(api: Any, address: Address, private: bool) -> None:
  """Refuses a repository that would be changed in a way that nobody expects."""
  from huggingface_hub import errors

  with _explained(address):
    try:
      info = api.model_info(address.repository, timeout=_SECONDS)
    except errors.RepositoryNotFoundError:  # It is made, or that is refused.
      return
  if info.private != private:
    raise UserError(
      f'--repo={address.repository} exists, and is {_visibility(info.private)}. To publish there, '
      f'give --{"" if info.private else "no"}private; or choose another name.'
    )
  names = {file.rfilename for file in info.siblings or ()} - {'.gitattributes', 'README.md'}
  if names and published.MODEL not in names:
    raise UserError(
      f'--repo={address.repository} holds something else: {", ".join(sorted(names)[:5])}. Choose '
      'another name.'
    )


def _visibility(private: bool | None) -> str:
  return 'private' if private else 'public'
