"""Measured runs without weights and pictures, to go on with a comparison on another machine."""

import pathlib
import tarfile

# What experiments.compare reads of a finished run.
_FILES = (
  *('config.json', 'data.json', 'metrics.csv', 'validation.csv', 'validation_images.csv'),
  *('evaluation/*/metrics.json', 'evaluation/*/per_image.csv'),
)
_MEASURED = 'evaluation/*/metrics.json'


def pack(folder: pathlib.Path, archive: pathlib.Path) -> int:
  """Writes the measured runs of a comparison's folder to a .tar.xz file; returns how many."""
  runs = sorted(run for run in folder.glob('runs/*/*') if any(run.glob(_MEASURED)))
  archive.parent.mkdir(parents=True, exist_ok=True)
  with tarfile.open(archive, 'w:xz') as tar:
    for run in runs:
      for file in sorted(file for pattern in _FILES for file in run.glob(pattern)):
        tar.add(file, file.relative_to(folder), filter=_anonymous)
  return len(runs)


def unpack(archive: pathlib.Path, folder: pathlib.Path) -> None:
  """Adds the runs of such a file to a comparison's folder, which must not have any."""
  with tarfile.open(archive) as tar:
    tar.extractall(folder, filter='data')


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
  """Leaves out when and by whom a file was written, so that equal runs make equal archives."""
  member.mtime = member.uid = member.gid = 0
  member.uname = member.gname = ''
  return member
