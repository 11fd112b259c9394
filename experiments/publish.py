"""Publishes a model: as a folder, and on the Hugging Face Hub.

  python -m experiments.publish --workdir=RUN --output=PUBLISHED
  python -m experiments.publish --workdir=RUN --repo=OWNER/NAME --license=apache-2.0 \\
      --author='A. Name' --data_source='RoadScene' --data_license='...' --hardware='1 GPU'

The folder holds the weights of the generators (safetensors), configuration, measurements, model
card, pictures, and, if the extra `onnx` is installed, an ONNX file. Nothing in it can run code. It
names no folder of this machine. Others use it as --workdir=PUBLISHED, or
--workdir=hf://OWNER/NAME once it is on the Hub. Look at the folder before you upload it: pictures
show images of your data, and measurements have their names.

On the Hub the model is private, unless you give --noprivate. Log in with `hf auth login`, or set
HF_TOKEN. --repo needs the extra `hub`.
"""

from collections.abc import Iterator, Sequence
import contextlib
import pathlib
import tempfile
from typing import TYPE_CHECKING

from absl import flags

from cyclegan_jax.errors import UserError
from experiments import card_fields, checking, flags as common, model_flags

if TYPE_CHECKING:
  from cyclegan_jax.inference.export.check import Example
  from cyclegan_jax.inference.model import Model

_CHECKPOINT = model_flags.define_checkpoint_flag()
model_flags.define_place_flags()
flags.adopt_module_key_flags(common)
flags.adopt_module_key_flags(card_fields)
_OUTPUT = flags.DEFINE_string('output', None, 'The folder to write, which must be new or empty.')
_REPO = flags.DEFINE_string('repo', None, 'OWNER/NAME on the Hub, which is made if need be.')
_PRIVATE = flags.DEFINE_boolean('private', True, 'Only you and those you choose can see it.')
_PICTURES = flags.DEFINE_boolean(
  'pictures', True, 'Publish pictures of the evaluation and of the training.'
)
_ONNX = flags.DEFINE_boolean(
  'onnx', None, 'Also write an ONNX file. [if the extra onnx is installed]'
)
_CHECK_IMAGES = flags.DEFINE_string(
  'check_images', None, 'Folder of images to check the ONNX file on, instead of the test split.'
)


def main() -> None:
  """Writes the folder, and uploads it."""
  workdir = common.workdir()
  if not _OUTPUT.value and not _REPO.value:
    raise UserError('--output or --repo is missing: the folder to write, or OWNER/NAME on the Hub.')
  if _REPO.value and not flags.FLAGS['license'].value:
    raise UserError(
      '--repo needs --license, which the Hub checks: apache-2.0, cc-by-nc-4.0, or, if it has no '
      'name there, other.'
    )
  # Late, so that --help and bad flags answer at once.
  from cyclegan_jax.inference import model as model_lib, publishing
  from cyclegan_jax.runs import hub, hub_client, next_step, reader, run_folder

  address = str(hub_client.parse(hub_client.PREFIX + _REPO.value)) if _REPO.value else ''
  with _folder() as folder:
    found = run_folder.splits_of(workdir)
    model = model_lib.load(workdir, _CHECKPOINT.value)
    (run,) = reader.read([workdir], next_step.measured_split(found), _CHECKPOINT.value)
    given = card_fields.given(workdir)
    try:
      publishing.write(
        *(folder, model, run, given),
        address=address,
        examples=_examples(workdir, model),
        pictures=_PICTURES.value,
        checkpoint=_CHECKPOINT.value,
      )
    except OSError as error:
      raise UserError(f'{folder} cannot be written: {error.strerror or error}.') from error
    if _OUTPUT.value:
      print(f'Wrote {folder}.')
    card_fields.print_missing(given)
    if not run.measurements:
      print(
        f'No figures yet: run {next_step.evaluate(workdir, found, checkpoint=_CHECKPOINT.value)}'
      )
    if _REPO.value:
      done = hub.upload(folder, _REPO.value, private=_PRIVATE.value)
      print(f'Published {"privately" if _PRIVATE.value else "for everybody"}: {done}')


@contextlib.contextmanager
def _folder() -> Iterator[pathlib.Path]:
  """Yields the folder to write: that of --output, or one that is deleted in the end."""
  output = common.path(_OUTPUT.value)
  if output is None:
    with tempfile.TemporaryDirectory() as temporary:
      yield pathlib.Path(temporary)
    return
  try:
    output.mkdir(parents=True, exist_ok=True)
    is_empty = not any(output.iterdir())
  except OSError as error:
    raise UserError(f'--output={output} cannot be made: {error.strerror}.') from error
  if not is_empty:
    raise UserError(f'--output={output} has files. Give a new folder, or empty it.')
  yield output


def _examples(workdir: pathlib.Path, model: 'Model') -> Sequence['Example']:
  """Returns images to check the ONNX file on; none if it is not wanted."""
  from cyclegan_jax.inference.export import export

  if _ONNX.value is False or (_ONNX.value is None and export.missing('onnx')):
    return ()
  export.load_format('onnx')
  data = model_flags.moved(model.config.data)
  try:
    return checking.examples(workdir, data, model.direction, common.path(_CHECK_IMAGES.value))
  except UserError as error:
    raise UserError(f'{error} Or publish no ONNX file: --noonnx.') from error


if __name__ == '__main__':
  common.run(main)
