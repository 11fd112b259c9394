"""Serves a page to try a model in the browser: drop an image, see its translation beside it.

  python -m experiments.demo_app --workdir=RUN

Needs the extra `app`. Only this machine can reach the page, unless --host says otherwise. No image
is stored. Ctrl-C ends the server.
"""

import sys

from absl import flags

from cyclegan_jax.errors import UserError
from experiments import flags as common, model_flags

model_flags.define_model_flag()
_CHECKPOINT = model_flags.define_checkpoint_flag()
_DIRECTION = model_flags.define_direction_flag()
flags.adopt_module_key_flags(common)
# A visitor's image must not fill the memory.
flags.FLAGS.set_default('max_megapixels', 16)
_HOST = flags.DEFINE_string(
  'host',
  '127.0.0.1',
  "The address to listen on. Any address but this machine's own loopback lets others in, without a "
  'password.',
)
_PORT = flags.DEFINE_integer(
  'port', 8000, 'The port to listen on; 0 takes a free one.', lower_bound=0, upper_bound=65535
)
_MAX_UPLOAD_MIB = flags.DEFINE_integer(
  'max_upload_mib', 32, 'The largest file that is accepted, in MiB.', lower_bound=1
)


def main() -> None:
  """Loads the model and serves the page until it is interrupted."""
  workdir = model_flags.model_folder()
  # Late, so that --help and bad flags answer at once.
  try:
    from cyclegan_jax.inference.app import server
  except ImportError as error:
    raise UserError(
      f'The page needs the extra `app` ({error.name} is missing): pip install -e ".[app]"'
    ) from error
  from cyclegan_jax.inference import model as model_lib
  from cyclegan_jax.inference.app import content, sliders
  from cyclegan_jax.inference.files import values
  from datasets import temperatures

  host = _HOST.value
  with server.bound_socket(host, _PORT.value) as listener:
    model = model_lib.load(workdir, _CHECKPOINT.value)
    direction = _DIRECTION.value or model.direction
    model.translator(direction)  # UserError if there is none.
    model.check_images_alone(direction, 'The page takes images alone')
    scale_of = temperatures.scale
    page = server.make(
      sliders.translation(model, direction, scale_of),
      content.of_run(workdir, _CHECKPOINT.value, model, direction, scale_of),
      _MAX_UPLOAD_MIB.value * 2**20,
      server.names_of(host),
      lambda data, name: values.read(model.config.data, direction, data, name).pixels,
    )
    if host not in server.LOOPBACK:
      print(
        f'warning: --host={host}: everybody who can reach this machine can use the page. There is '
        'no password.',
        file=sys.stderr,
      )
    shown = f'[{host}]' if ':' in host else host
    print(f'Open http://{shown}:{listener.getsockname()[1]}/ in a browser. Ctrl-C ends the server.')
    server.serve(page, listener)
  print('Ended.')


if __name__ == '__main__':
  common.run(main)
