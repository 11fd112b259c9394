"""Measured runs without weights and pictures, to go on with a comparison on another machine."""

import io
import json
import pathlib
import tarfile

from cyclegan_jax import checksum

# What experiments.compare reads of a finished run.
_FILES = (
  *('config.json', 'data.json', 'metrics.csv', 'validation.csv', 'validation_images.csv'),
  *('evaluation/*/metrics.json', 'evaluation/*/per_image.csv'),
)
_MEASURED = 'evaluation/*/metrics.json'
# What stands for the folder of all comparisons: nobody else has the one of this machine.
PLACE = 'runs/results'


def pack(folder: pathlib.Path, archive: pathlib.Path) -> int:
  """Writes the measured runs of a comparison's folder to a .tar.xz file; returns how many.

  Equal runs make equal files, whenever and wherever they were trained.
  """
  runs = sorted(run for run in folder.glob('runs/*/*') if any(run.glob(_MEASURED)))
  archive.parent.mkdir(parents=True, exist_ok=True)
  with tarfile.open(archive, 'w:xz') as tar:
    for run in runs:
      for file in sorted(file for pattern in _FILES for file in run.glob(pattern)):
        content = _without_place(file, str(folder.parent))
        member = tarfile.TarInfo(str(file.relative_to(folder)))
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
  return len(runs)


def unpack(archive: pathlib.Path, folder: pathlib.Path) -> None:
  """Adds the runs of such a file to a comparison's folder, which must not have any."""
  with tarfile.open(archive) as tar:
    tar.extractall(folder, filter='data')


def _without_place(file: pathlib.Path, place: str) -> bytes:
  """The content of a file in which a folder is called `PLACE`; JSON gets a new checksum."""
  if file.suffix != '.json':
    return file.read_bytes()
  text = json.dumps(checksum.loads(file.read_text())).replace(place, PLACE)
  return checksum.dumps(json.loads(text)).encode()
