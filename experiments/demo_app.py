"""A page in the browser on which an image is dropped and its infrared image appears beside it.

  python -m experiments.demo_app --workdir=RUN

Needs the extra app. Only this machine can see the page unless --host says otherwise. Images are
kept nowhere. Ctrl-C ends it.
"""

import sys

from absl import flags

from cyclegan_jax.errors import UserError
from experiments import flags as common

_CHECKPOINT = common.define_checkpoint_flag()
_DIRECTION = common.define_direction_flag()
flags.adopt_module_key_flags(common)
# A visitor's image should not fill the memory.
flags.FLAGS.set_default('max_megapixels', 16)
_HOST = flags.DEFINE_string(
  'host',
  '127.0.0.1',
  'The address to listen on. Another one than '
  "this machine's own loopback lets others in, without a password.",
)
_PORT = flags.DEFINE_integer(
  'port', 8000, 'The port to listen on; 0: any free one.', lower_bound=0, upper_bound=65535
)
_MAX_UPLOAD_MIB = flags.DEFINE_integer(
  'max_upload_mib', 32, 'Larger files are refused, in MiB.', lower_bound=1
)


def main() -> int:
  workdir = common.workdir()
  # Late, so that --help and bad flags answer at once.
  try:
    import uvicorn

    from cyclegan_jax.inference import app
  except ImportError as error:
    raise UserError(
      f'The page needs the extra app ({error.name} is missing): pip install -e ".[app]"'
    ) from error
  from cyclegan_jax.inference import model as model_lib

  host = _HOST.value
  with app.bound_socket(host, _PORT.value) as listener:
    model = model_lib.load(workdir, _CHECKPOINT.value)
    model.translator(_DIRECTION.value)  # Complains if there is none.
    size = 'x'.join(map(str, model.config.data.image_size))
    about = (
      f'Preset {model.config.train.preset}, checkpoint at step {model.step}, trained at '
      f'{size} pixels. Images keep their size: objects should be about as large in pixels '
      'as they were there.'
    )
    source, target = _DIRECTION.value.upper().split('_TO_')
    page = app.make(
      lambda image: model.translate(image, _DIRECTION.value, 'This file'),
      f'{workdir.resolve().name}: {source} to {target}',
      about,
      _MAX_UPLOAD_MIB.value * 2**20,
      app.names_of(host),
    )
    if host not in app.LOOPBACK:
      print(
        f'warning: --host={host}: everybody who reaches this machine can use the page; there '
        'is no password.',
        file=sys.stderr,
      )
    shown = f'[{host}]' if ':' in host else host
    print(f'Open http://{shown}:{listener.getsockname()[1]}/ in a browser. Ctrl-C ends this.')
    server = uvicorn.Server(
      uvicorn.Config(
        page,
        log_level='warning',
        access_log=False,
        server_header=False,
        limit_concurrency=64,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=5,
        lifespan='off',
      )
    )
    try:
      server.run(sockets=[listener])
    except KeyboardInterrupt:  # Raised again by uvicorn after it has ended in order.
      pass
  print('Ended.')
  return 0


if __name__ == '__main__':
  common.run(main)
