"""Downloads the published zips of OSU Color-Thermal, where the network allows it.

TFDS's download manager is not used: it retries for minutes where a host cannot be reached, keeps
an error page as if it were the zip, and names files after hashes.
"""

import http.client
import os
import pathlib
import secrets
import urllib.error
import urllib.request
import zipfile

from tensorflow_datasets.core import constants

from cyclegan_jax import files as files_lib
from cyclegan_jax.errors import UserError
from cyclegan_jax.progress import tracked
from datasets import leftovers
from datasets.osu import config, files

BASE_URL = 'http://vcipl-okstate.org/pbvs/bench/Data/03/'

_ATTEMPTS = 2
# Seconds, for a connection and then for each piece.
_TIMEOUT = 10
_PIECE = 2**18  # bytes
# Some servers refuse Python's own name.
_HEADERS = {'User-Agent': 'cyclegan-jax'}
_PARTIAL = '.part'


class _Refused(Exception):
  """The answer would be the same at a second attempt."""


class _BrokenOff(Exception):
  """The answer is not complete."""


def default_source(data_dir: str | os.PathLike[str] | None = None) -> pathlib.Path:
  """Returns `<data_dir>/downloads/osu`, or that of TFDS's default folder, after a `fetch`."""
  root = files_lib.expanded(data_dir or constants.DATA_DIR)
  return fetch(root / 'downloads' / 'osu')


def fetch(folder: pathlib.Path) -> pathlib.Path:
  """Downloads those of the twelve parts that a folder has neither as a zip nor unpacked.

  A zip gets its name when it is complete, so that what is there can be relied on and an
  interrupted download continues with the first zip that is missing. The first one that cannot be
  had ends it.

  Returns:
    The folder, which is made if it is missing.

  Raises:
    UserError: the files cannot be downloaded or stored; the message says why, and how to get them
      by hand. Or a file that is there is damaged, see `files.scan`.
  """
  try:
    folder.mkdir(parents=True, exist_ok=True)
    leftovers.remove_abandoned(folder.glob(f'*{_PARTIAL}'))
    found = files.scan(folder).parts
    targets = (folder / f'{part}.zip' for part in files.PARTS if part not in found)
    # A zip without frames would come without them again.
    missing = [target for target in targets if not target.exists()]
    for number, target in enumerate(missing, 1):
      _download(target, f'{number} of {len(missing)}')
  except (_Refused, _BrokenOff) as error:
    here = ', '.join(sorted(path.name for path in folder.glob('*.zip'))) or 'no zip yet'
    raise UserError(
      f'OSU Color-Thermal cannot be downloaded: {error}. The same command continues where it '
      f'stopped; {folder} has {here}.\n{config.MANUAL_INSTRUCTIONS}\n'
      f'You need not name {folder}: put the missing files there.'
    ) from error
  except OSError as error:
    raise UserError(
      f'OSU Color-Thermal cannot be downloaded to {folder}: {error}. Choose another place with '
      '--data_dir.'
    ) from error
  return folder


def _download(target: pathlib.Path, shown: str) -> None:
  """Downloads one zip, with a second attempt if the first one breaks off."""
  url = BASE_URL + target.name
  # A name of its own: another process may be downloading the same.
  partial = target.with_name(f'{target.stem}.{secrets.token_hex(4)}{_PARTIAL}')
  for attempt in range(1, _ATTEMPTS + 1):
    try:
      kind = _transfer(url, partial, f'Downloading {target.name} ({shown})')
      if not zipfile.is_zipfile(partial):
        raise _Refused(f'{url}: is not a zip file but {kind}')
      os.replace(partial, target)
      return
    except _BrokenOff:
      if attempt == _ATTEMPTS:
        raise
    finally:
      partial.unlink(missing_ok=True)


def _transfer(url: str, partial: pathlib.Path, shown: str) -> str:
  """Writes the content at `url` to a new file and returns its MIME type."""
  with _opened(url) as response, open(partial, 'xb') as file:
    expected = response.length
    print(shown)
    pieces = iter(lambda: _read(response, url), b'')
    mib = None if expected is None else expected / 2**20
    file.writelines(tracked(pieces, mib, shown, print, _PIECE / 2**20, 'MiB'))
    if expected is not None and file.tell() != expected:
      raise _BrokenOff(f'{url}: broke off twice, at last after {file.tell()} of {expected} bytes')
    return response.headers.get_content_type()


def _opened(url: str) -> http.client.HTTPResponse:
  request = urllib.request.Request(url, headers=_HEADERS)  # noqa: S310 (a constant)
  try:
    return urllib.request.urlopen(request, timeout=_TIMEOUT)  # noqa: S310
  except urllib.error.HTTPError as error:
    error.close()
    raise _Refused(f'{url}: HTTP {error.code} {error.reason}') from error
  except urllib.error.URLError as error:
    raise _Refused(f'{url}: cannot be reached ({error.reason})') from error
  except (OSError, http.client.HTTPException) as error:
    raise _BrokenOff(f'{url}: no answer, asked twice ({error})') from error


def _read(response: http.client.HTTPResponse, url: str) -> bytes:
  """Reads the next piece, empty at the end; keeps its errors apart from those of the file."""
  try:
    return response.read(_PIECE)
  except (OSError, http.client.HTTPException) as error:
    raise _BrokenOff(f'{url}: broke off twice, at last with {error!r}') from error
