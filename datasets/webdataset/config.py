"""Tar archives in WebDataset's layout: files of one sample follow each other and share a key.

A file KEY.rgb.jpg belongs to the sample KEY: all up to the first dot of its name, folders included.
The rest names its column, `rgb`; an image's extension counts only if there is nothing else, as in
KEY.jpg. Archives are read from start to end, and nothing is unpacked to the disk.
"""

from collections.abc import Iterator
import dataclasses
import itertools
import lzma
import os
import tarfile
from typing import Any, ClassVar, NamedTuple
import zlib

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import decoding, images
from datasets import shards
from datasets.shards import Row, Shard

# What tarfile and the decompressors raise on damaged archives.
_BROKEN = (OSError, ValueError, TypeError, EOFError, tarfile.TarError, zlib.error, lzma.LZMAError)
_LOOKED_AT = 100  # Images at the start of an archive, to know its columns.


class _Member(NamedTuple):
  key: str
  column: str
  name: str
  data: bytes | None  # None if it was not asked for.


@dataclasses.dataclass(eq=False)
class WebDatasetConfig(shards.Config):
  """Tar archives of a source folder; see webdataset_config()."""

  kind: ClassVar[str] = 'tar'
  extensions: ClassVar[tuple[str, ...]] = ('.tar', '.tar.gz', '.tgz')
  hint: ClassVar[str] = ', or pack the archives anew: files of one key have to follow each other'

  @staticmethod
  def column(given: str) -> str:
    """Returns a column without an image's extension: rgb.jpg is rgb, but jpg stays."""
    stem, extension = os.path.splitext(given)
    return stem if stem and extension.lower() in images.EXTENSIONS else given

  def image_columns(self, shard: Shard) -> list[str]:
    """Returns the columns of the first images."""
    members = itertools.islice(_members(shard, ()), _LOOKED_AT)
    return list(dict.fromkeys(member.column for member in members))

  def rows(self, shard: Shard) -> Iterator[Row]:
    """Yields the samples of a shard."""
    domains = {column: domain for domain, column in self.columns.items()}
    members = _members(shard, tuple(domains))
    for key, of_key in itertools.groupby(members, key=lambda member: member.key):
      shown, found = f'{shard.relative}, key {key}', dict.fromkeys(self.columns)
      for member in of_key:
        if member.data is None:
          continue
        domain = domains[member.column]
        if found[domain] is not None:
          raise UserError(
            f'{shown}: two {shards.KINDS[domain]} images, the second one is {member.name}; '
            'expected one of each in a sample. Pack the archive again.'
          )
        found[domain] = member.data
      if any(data is not None for data in found.values()):
        yield Row(f'{shard.stem}/{key}', shown, **found)


def webdataset_config(source_dir: str | os.PathLike, **options: Any) -> WebDatasetConfig:
  """Looks through a folder of tar archives; see `shards.look_through` for its options."""
  return shards.look_through(WebDatasetConfig, source_dir, **options)


def _members(shard: Shard, wanted: tuple[str, ...]) -> Iterator[_Member]:
  """Yields the images of an archive in order, with the content of those in wanted columns."""
  try:
    # A stream: read once from start to end, compressed or not.
    with tarfile.open(shard.path, 'r|*') as archive:
      while (info := archive.next()) is not None:
        archive.members = []  # pyrefly: ignore[missing-attribute]  # It would keep them all.
        if member := _member(shard, archive, info, wanted):
          yield member
      if archive.fileobj.tell() < archive.offset + tarfile.BLOCKSIZE:
        # To tarfile that is the end, too.
        raise tarfile.ReadError('it ends without the mark of an end')
  except _BROKEN as error:
    raise UserError(
      f'{shard.path}: not a whole tar archive ({error}). Download it again, or move it away.'
    ) from error


def _member(
  shard: Shard, archive: tarfile.TarFile, info: tarfile.TarInfo, wanted: tuple[str, ...]
) -> _Member | None:
  """The member at which a stream stands; None if it is no image."""
  folder, slash, name = info.name.rpartition('/')
  stem, _, rest = name.partition('.')
  is_image = os.path.splitext(name)[1].lower() in images.EXTENSIONS
  if not info.isreg() or not stem or not is_image:  # Hidden files have no stem.
    return None
  column, data = WebDatasetConfig.column(rest.lower()), None
  if column in wanted:
    decoding.check_bytes(info.size, f'{shard.relative}, {info.name}')
    file = archive.extractfile(info)
    data = file.read() if file else b''
  return _Member(f'{folder}{slash}{stem}', column, info.name, data)
