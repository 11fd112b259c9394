"""Which operations a training step spends its time in: a profile as a table.

  python -m benchmarks.operations --preset=cyclegan --batch=16 --size=256 --json=FILE

Runs some steps on noise under JAX's profiler and adds up what each operation took on the devices,
or on a CPU on XLA's threads. The profile itself, for XProf or Perfetto, stays in --folder.
"""

import collections
import json
import pathlib
import tempfile

from absl import app, flags
import jax

from benchmarks import step_flags
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.models import networks
from cyclegan_jax.training.step import parallel, state as state_lib

flags.adopt_module_key_flags(step_flags)
_STEPS = flags.DEFINE_integer('steps', 5, 'Steps in the profile.', lower_bound=1)
_SHOWN = flags.DEFINE_integer('shown', 25, 'Rows of the table.', lower_bound=1)
_FOLDER = flags.DEFINE_string('folder', '', 'Where the profile goes; empty: it is deleted.')
_JSON = flags.DEFINE_string('json', '', 'A file for all operations.')


def profile(folder: str) -> None:
  """Trains under the profiler, after a step that is compiled and run without it."""
  config = step_flags.config()
  domains, optimizer = make_domains(config.data), state_lib.make_optimizer(config.train, 1)
  step = parallel.compile_train_step(networks.build(config.model, domains), config, optimizer)
  state, rows = step_flags.arguments(config)
  state, _ = jax.block_until_ready(step(state, rows))
  with jax.profiler.trace(folder):
    for _ in range(_STEPS.value):
      state, _ = step(state, rows)
    jax.block_until_ready(state)


def milliseconds(folder: str) -> collections.Counter[str]:
  """What each operation took, over all steps, threads, and devices."""
  (file,) = pathlib.Path(folder).rglob('*.xplane.pb')
  found: collections.Counter[str] = collections.Counter()
  planes = list(jax.profiler.ProfileData.from_file(str(file)).planes)
  on_devices = [plane for plane in planes if plane.name.startswith('/device:')]
  for plane in on_devices or planes:
    for line in plane.lines:
      # A GPU's streams; on a CPU XLA's threads.
      if ('Stream' if on_devices else 'XLA') not in line.name:
        continue
      for event in line.events:
        if not event.name.startswith('ThunkExecutor'):  # It waits for the others.
          found[event.name] += event.duration_ns / 1e6
  return found


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  with tempfile.TemporaryDirectory() as temporary:
    folder = _FOLDER.value or temporary
    profile(folder)
    found = milliseconds(folder)
  total = sum(found.values())
  print(
    f'{step_flags.title()}: {total / _STEPS.value:.2f} ms a step\n\n'
    '| operation | ms a step | share |\n|---|---:|---:|'
  )
  for name, value in found.most_common(_SHOWN.value):
    print(f'| {name} | {value / _STEPS.value:.3f} | {value / total:.1%} |')
  if _JSON.value:
    pathlib.Path(_JSON.value).write_text(json.dumps(dict(found.most_common()), indent=1) + '\n')


if __name__ == '__main__':
  app.run(main)
