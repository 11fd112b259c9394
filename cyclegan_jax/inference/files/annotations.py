"""Annotations of the source images, copied to the translated ones.

A translated image shows the same objects at the same pixels, so boxes and masks stay as they are.
Only names of images and folders are adapted: the extensions of image files, and the line `path:` of
a data.yaml, which would lead a training back to the RGB images.
"""

from collections.abc import Mapping, Sequence
import json
import pathlib
import re

from cyclegan_jax import files
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.inference.files.inputs import Plan
from cyclegan_jax.progress import Log

_FILE_NAME = re.compile(r'("file_name"\s*:\s*)("(?:[^"\\]|\\.)*")')
_PATH_LINE = re.compile(r'^path[ \t]*:.*$', re.MULTILINE)
_YAML = ('.yaml', '.yml')
_EXTENSIONS = ('.json', '.txt', *_YAML)


def copy(
  paths: Sequence[str], plan: Plan, folders: Sequence[pathlib.Path], log: Log = print
) -> None:
  """Copies annotation files to the folders of the translated images and of the control set.

  Args:
    paths: COCO files (.json), YOLO label files (.txt), lists of images (.txt), data.yaml, or
      folders of these.
    plan: what is translated. Annotations inside one of its inputs keep their place in it; others
      go to the top.
    folders: to copy to.
    log: receives each line for the user.

  Raises:
    UserError: a file is missing, is not an annotation file, or names no image that is translated.
  """
  # The new extension of each translated image, by its old name.
  extensions = {job.source.name: job.target.suffix for job in plan.jobs if not job.is_video}
  sources = {job.source.name for job in plan.jobs}
  for path in [files.expanded(text) for text in paths]:
    found = _files(path)
    for file in found:
      content, note = _adapted(file, sources, extensions)
      for folder in folders:
        target = folder / _place(file, path, plan)
        if target.resolve() == file.resolve():
          raise UserError(f'--annotations={path} would replace itself. Choose another --output.')
        target.parent.mkdir(parents=True, exist_ok=True)
        files.write_bytes(target, content)
      if note:
        log(note)
    if len(found) > 1:
      log(f'Copied {len(found)} annotation files of {path}.')


def _files(path: pathlib.Path) -> list[pathlib.Path]:
  """Returns the annotation files of a path; UserError if there are none."""
  candidates = [path] if path.is_file() else sorted(path.rglob('*'))
  found = [file for file in candidates if file.suffix.lower() in _EXTENSIONS]
  if not found:
    raise UserError(
      f'--annotations={path}: expected a COCO file (.json), YOLO labels (.txt), a data.yaml, or a '
      'folder with such files.'
    )
  return found


def _place(file: pathlib.Path, given: pathlib.Path, plan: Plan) -> pathlib.Path:
  """Returns the path of an annotation file below the output folder."""
  for root, below in plan.roots:
    if file.resolve().is_relative_to(root.resolve()):
      return below / file.resolve().relative_to(root.resolve())
  # A folder keeps its name: labels/ beside images/.
  return pathlib.Path(file.name) if file == given else file.relative_to(given.parent)


def _renamed(name: str, extensions: Mapping[str, str]) -> str:
  """Returns the name of an image with its new extension."""
  path = pathlib.PurePosixPath(name.replace('\\', '/'))
  extension = extensions.get(path.name)
  return name.removesuffix(path.suffix) + extension if extension else name


def _adapted(
  file: pathlib.Path, sources: set[str], extensions: Mapping[str, str]
) -> tuple[bytes, str]:
  """Returns the new content of a file, and a note for the user or ''."""
  try:
    data = file.read_bytes()
    text = data.decode()
  except (OSError, UnicodeDecodeError) as error:
    raise UserError(f'--annotations: {file} cannot be read: {error}.') from error
  if file.suffix.lower() == '.json':
    return _adapted_coco(file, text, sources, extensions)
  if file.suffix.lower() in _YAML:
    changed, n = _PATH_LINE.subn(lambda match: f'# of the source images: {match[0]}', text)
    note = f'{file}: the line `path:` is now a comment, so that paths start at its own folder.'
    return changed.encode(), note if n else ''
  lines = [(line.rstrip(), line) for line in text.splitlines(keepends=True)]
  if any(name.lower().endswith(images.EXTENSIONS) for name, _ in lines):
    changed = [_renamed(name, extensions) + line[len(name) :] for name, line in lines]
    return ''.join(changed).encode(), ''
  return data, ''


def _adapted_coco(
  file: pathlib.Path, text: str, sources: set[str], extensions: Mapping[str, str]
) -> tuple[bytes, str]:
  """Changes the extensions of file names in a COCO file, and keeps every other byte."""
  try:
    listed = [image['file_name'] for image in json.loads(text)['images']]
  except (ValueError, TypeError, KeyError) as error:
    raise UserError(
      f'--annotations={file} is not a COCO file: it has no images with a file_name '
      f'({type(error).__name__}: {error}).'
    ) from error
  missing = [name for name in listed if pathlib.PurePosixPath(name).name not in sources]
  if listed and len(missing) == len(listed):
    raise UserError(
      f'--annotations={file}: none of its {len(listed)} images is translated. The first is '
      f'{listed[0]}.'
    )

  def rename(match: re.Match[str]) -> str:
    old = json.loads(match[2])
    new = _renamed(old, extensions)
    return match[0] if new == old else match[1] + json.dumps(new, ensure_ascii=match[2].isascii())

  note = f'{file}: {len(listed) - len(missing)} of its {len(listed)} images are translated'
  note += f', {missing[0]} is not.' if missing else '.'
  return _FILE_NAME.sub(rename, text).encode(), note
