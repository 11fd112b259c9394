"""Translates image files with a trained model."""

import pathlib
import time

from cyclegan_jax.data import images
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference.model import Model
from cyclegan_jax.progress import duration, Say, tracked


def plan(source: pathlib.Path, output: pathlib.Path) -> list[tuple[pathlib.Path, pathlib.Path]]:
  """Which file becomes which PNG.

  A folder is walked with its sub-folders, which are kept. A single file goes to `output` itself
  if that ends in .png, else into the folder `output`.

  Raises:
    UserError: nothing to translate, two inputs with one output, or an output that would replace
      an input.
  """
  if not source.exists():
    raise UserError(f'--input={source} does not exist. Give an image or a folder of images.')
  if source.is_dir():
    found = sorted(file for file in source.rglob('*')
                   if file.suffix.lower() in images.EXTENSIONS and file.is_file())
    if not found:
      raise UserError(f'--input={source} holds no images ({", ".join(images.EXTENSIONS)}).')
    if output.suffix.lower() in images.EXTENSIONS:
      raise UserError(f'--output={output} names a file, but --input={source} is a folder. Give a '
                      'folder.')
    if output.resolve().is_relative_to(source.resolve()):
      raise UserError(f'--output={output} lies inside --input={source}: the results would be the '
                      'next inputs. Choose a folder outside.')
    pairs = [(file, output / file.relative_to(source).with_suffix('.png')) for file in found]
  else:
    single = output.suffix.lower() == '.png'
    if not single and output.suffix.lower() in images.EXTENSIONS:
      raise UserError(f'--output={output}: results are PNG files. Give a name that ends in .png.')
    pairs = [(source, output if single else output / f'{source.stem}.png')]
  inputs, owner = {file.resolve() for file, _ in pairs}, {}
  for file, target in pairs:
    if target.resolve() in inputs:
      raise UserError(f'{target} is an input and would be replaced. Choose another --output.')
    if target in owner:
      raise UserError(f'{owner[target]} and {file} would both become {target}. Rename one, or '
                      'translate them into different folders.')
    owner[target] = file
  return pairs


def translate_files(model: Model, source: pathlib.Path, output: pathlib.Path, direction: str,
                    say: Say = print) -> list[str]:
  """Translates a file or a folder; unreadable files are left out and reported.

  Args:
    model: the trained model.
    source: an image or a folder.
    output: see `plan`.
    direction: 'rgb_to_ir' or 'ir_to_rgb'.
    say: takes each line meant for a person.

  Returns:
    One message per file that could not be translated.

  Raises:
    UserError: nothing to translate, or not in this direction, or nowhere to write.
  """
  model.translator(direction)
  pairs, failures = plan(source, output), []
  begin = time.monotonic()
  for file, target in tracked(pairs, len(pairs), 'Translating', say):
    try:
      result = model.translate(images.read_image(file), direction, str(file))
      target.parent.mkdir(parents=True, exist_ok=True)
      images.write_png(target, result)
    except UserError as error:
      failures.append(str(error))
    except OSError as error:
      raise UserError(f'--output={output} cannot be written: {error}.') from error
  seconds = time.monotonic() - begin
  say(f'Translated {len(pairs) - len(failures)} of {len(pairs)} images into {output} in '
      f'{duration(seconds)}, {len(pairs) / seconds:.1f} images/s.')
  return failures
