"""Annotations of the source images, carried over to the translated ones.

A translated image shows the same objects at the same pixels, so boxes and masks hold as they are.
Only what names images or folders is adapted: the endings of file names, for translated images are
PNG files; and the line `path:` of a data.yaml, which would lead a training back to the RGB images.
"""

from collections.abc import Iterator, Sequence
import json
import pathlib
import re

from cyclegan_jax import files
from cyclegan_jax.data import images
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference.inputs import Job, Plan
from cyclegan_jax.progress import Log

_FILE_NAME = re.compile(r'("file_name"\s*:\s*)("(?:[^"\\]|\\.)*")')
_PATH_LINE = re.compile(r'^path[ \t]*:.*$', re.MULTILINE)
_YAML = ('.yaml', '.yml')


def carry(
  paths: Sequence[str], plan: Plan, folders: Sequence[pathlib.Path], log: Log = print
) -> None:
  """Carries annotation files over.

  Args:
    paths: COCO files (.json), YOLO label files (.txt), lists of images (.txt), data.yaml, or
      folders of these.
    plan: what is translated. Annotations in one of its inputs keep their place in it; others go
      to the top.
    folders: where the translated images are, and the gray control set.
    log: takes each line meant for a person.

  Raises:
    UserError: a file is missing, no annotation file, or names images that are not translated.
  """
  endings = _endings(plan.jobs)
  for path in [pathlib.Path(text).expanduser() for text in paths]:
    found = list(_files(path))
    for file in found:
      content, note = _adapted(file, plan.jobs, endings)
      for folder in folders:
        target = folder / _place(file, path, plan)
        if target.resolve() == file.resolve():
          raise UserError(
            f'--annotations={path} would be replaced by itself. Choose another --output.'
          )
        target.parent.mkdir(parents=True, exist_ok=True)
        files.write_bytes(target, content)
      if note:
        log(note)
    if len(found) > 1:
      log(f'{len(found)} annotation files of {path} carried over.')


def _files(path: pathlib.Path) -> Iterator[pathlib.Path]:
  """The annotation files of a path; UserError if there are none."""
  kinds = ('.json', '.txt', *_YAML)
  if path.is_file() and path.suffix.lower() in kinds:
    yield path
    return
  found = sorted(file for file in path.rglob('*') if file.suffix.lower() in kinds)
  if not found:
    raise UserError(
      f'--annotations={path}: expected a COCO file (.json), YOLO labels (.txt), a '
      'data.yaml, or a folder with such files.'
    )
  yield from found


def _place(file: pathlib.Path, given: pathlib.Path, plan: Plan) -> pathlib.Path:
  """Where an annotation file goes, below the output folder."""
  for root, below in plan.roots:
    if file.resolve().is_relative_to(root.resolve()):
      return below / file.resolve().relative_to(root.resolve())
  # A folder keeps its name: labels/ beside images/.
  return pathlib.Path(file.name) if file == given else file.relative_to(given.parent)


def _endings(jobs: Sequence[Job]) -> dict[str, str]:
  """The new ending of each translated image, by the last part of its old name."""
  return {job.source.name: job.target.suffix for job in jobs if not job.is_video}


def _renamed(name: str, endings: dict[str, str]) -> str:
  """An image's name with its new ending."""
  path = pathlib.PurePosixPath(name.replace('\\', '/'))
  ending = endings.get(path.name)
  return name[: len(name) - len(path.suffix)] + ending if ending else name


def _adapted(file: pathlib.Path, jobs: Sequence[Job], endings: dict[str, str]) -> tuple[bytes, str]:
  """A file's new content, and what to say about it."""
  try:
    data = file.read_bytes()
    text = data.decode()
  except (OSError, UnicodeDecodeError) as error:
    raise UserError(f'--annotations: {file} cannot be read: {error}.') from error
  if file.suffix.lower() == '.json':
    return _coco(file, text, jobs, endings)
  if file.suffix.lower() in _YAML:
    changed, n = _PATH_LINE.subn(lambda match: f'# of the source images: {match[0]}', text)
    note = f'{file}: its line `path:` was made a comment, so that its own folder counts.'
    return changed.encode(), note if n else ''
  lines = text.splitlines(keepends=True)
  if any(line.strip().lower().endswith(images.EXTENSIONS) for line in lines):
    changed = [_renamed(line.rstrip(), endings) + line[len(line.rstrip()) :] for line in lines]
    return ''.join(changed).encode(), ''
  return data, ''


def _coco(
  file: pathlib.Path, text: str, jobs: Sequence[Job], endings: dict[str, str]
) -> tuple[bytes, str]:
  """A COCO file in which only endings of file names are changed, every other byte as it was."""
  try:
    listed = [image['file_name'] for image in json.loads(text)['images']]
  except (ValueError, TypeError, KeyError) as error:
    raise UserError(
      f'--annotations={file}: not a COCO file: it has no images with a file_name '
      f'({type(error).__name__}: {error}).'
    ) from error
  sources = {job.source.name for job in jobs}
  missing = [name for name in listed if pathlib.PurePosixPath(name).name not in sources]
  if listed and len(missing) == len(listed):
    raise UserError(
      f'--annotations={file}: none of its {len(listed)} images is translated; the '
      f'first is {listed[0]}.'
    )
  changed = _FILE_NAME.sub(
    lambda match: match[1] + _quoted(match[2], _renamed(json.loads(match[2]), endings)), text
  )
  note = f'{file}: {len(listed) - len(missing)} of its {len(listed)} images are translated'
  return changed.encode(), note + (f', {missing[0]} is not.' if missing else '.')


def _quoted(old: str, new: str) -> str:
  """A JSON string; the old text where nothing changed."""
  return old if json.loads(old) == new else json.dumps(new, ensure_ascii=old.isascii())
