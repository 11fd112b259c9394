"""Models on the Hugging Face Hub, or a server that speaks its calls (HF_ENDPOINT).

hf://owner/name            the newest revision
hf://owner/name@revision   a commit, a tag, or a branch

What is fetched is a folder of published.py, ~/.cache/cyclegan_jax_hub/OWNER/NAME/COMMIT, which
appears when it is whole. Nothing but arrays and JSON is fetched.
"""

from collections.abc import Callable, Mapping
import contextlib
import dataclasses
import json
import pathlib
import re
import shutil
import tempfile
from typing import Any

from cyclegan_jax import files
from cyclegan_jax.errors import UserError
from cyclegan_jax.progress import Log
from cyclegan_jax.runs import hub_client, published, run_folder
from cyclegan_jax.settings import as_flag

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
# In the folder of a repository: the commit that each revision was at last.
_REVISIONS = 'revisions.json'
_COMMIT = re.compile(r'[0-9a-f]{40}')
_SECONDS = 20.0


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
  address = hub_client.parse(text)
  place = cache() / address.repository
  if _COMMIT.fullmatch(address.revision) and (place / address.revision).is_dir():
    return place / address.revision
  known = place / _known(place).get(address.revision, '-')
  api = hub_client.package().HfApi(endpoint=hub_client.endpoint())
  try:
    with hub_client.explained(address):
      info = api.model_info(
        address.repository, revision=address.revision, files_metadata=True, timeout=_SECONDS
      )
  except hub_client.NoConnection as error:
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
  return files.expanded(files.caches()) / 'cyclegan_jax_hub'


def _checked(address: hub_client.Address, found: Mapping[str, int | None]) -> dict[str, int]:
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


def _download(address: hub_client.Address, sizes: Mapping[str, int], folder: pathlib.Path) -> None:
  """Downloads files into a folder that appears when all are there."""
  hub = hub_client.package()

  def fill(temporary: pathlib.Path) -> None:
    for name, size in sizes.items():
      with hub_client.explained(address):
        hub.hf_hub_download(
          address.repository,
          name,
          revision=address.revision,
          local_dir=temporary,
          endpoint=hub_client.endpoint(),
        )
      if (found := (temporary / name).stat().st_size) != size:
        raise UserError(
          f'{address}: {name} is cut short: {found:,} of {size:,} bytes arrived. Try again.'
        )
    shutil.rmtree(temporary / '.cache', ignore_errors=True)  # Of the package.
    files.write_text(temporary / published.SOURCE, json.dumps({'source': str(address)}) + '\n')

  try:
    folder.parent.mkdir(parents=True, exist_ok=True)
    appear(folder, fill)
  except OSError as error:
    raise UserError(
      f'{address} cannot be stored in {folder.parent}: {error.strerror or error}. XDG_CACHE_HOME '
      'names another folder for caches.'
    ) from error
  except hub_client.NoConnection as error:
    raise UserError(f'{error} Try again.') from error


def appear(folder: pathlib.Path, fill: Callable[[pathlib.Path], Any]) -> None:
  """Makes a folder that is whole or not there."""
  with tempfile.TemporaryDirectory(dir=folder.parent, prefix='.') as temporary:
    whole = pathlib.Path(temporary) / 'whole'
    whole.mkdir()
    fill(whole)
    files.sync_tree(whole)
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


def upload(folder: pathlib.Path, repository: str, *, private: bool) -> hub_client.Address:
  """Uploads a folder to a repository, which is made if it does not exist.

  Returns:
    The address of what is there now, with its commit.

  Raises:
    UserError: the name is none, there is no access, the repository has another visibility or holds
      something else, or there is no connection.
  """
  address = hub_client.parse(hub_client.PREFIX + repository)
  hub = hub_client.package()
  api = hub.HfApi(endpoint=hub_client.endpoint())
  try:
    _check_theirs(api, address, private)
    with hub_client.explained(address):
      api.create_repo(repository, private=private, exist_ok=True)
      done = api.upload_folder(
        repo_id=repository,
        folder_path=folder,
        commit_message='Upload by cyclegan_jax',
        delete_patterns=list(_REPLACED),
      )
  except hub_client.NoConnection as error:
    raise UserError(f'{error} Connect, and run the command again.') from error
  return hub_client.Address(repository, done.oid)


def _check_theirs(api: Any, address: hub_client.Address, private: bool) -> None:
  """Refuses a repository that would be changed in a way that nobody expects."""
  from huggingface_hub import errors

  with hub_client.explained(address):
    try:
      info = api.model_info(address.repository, timeout=_SECONDS)
    except errors.RepositoryNotFoundError:  # It is made, or that is refused.
      return
  if info.private != private:
    raise UserError(
      f'--repo={address.repository} exists, and is {"private" if info.private else "public"}. To '
      f'publish there, give {as_flag("private", info.private)}; or choose another name.'
    )
  names = {file.rfilename for file in info.siblings or ()} - {'.gitattributes', 'README.md'}
  if names and published.MODEL not in names:
    raise UserError(
      f'--repo={address.repository} holds something else: {", ".join(sorted(names)[:5])}. Choose '
      'another name.'
    )
