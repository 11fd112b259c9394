"""Trains a model. The same command resumes training.

  python -m experiments.train --preset=demo
  python -m experiments.train --dataset=folder --source_dir=PHOTOS --paired

The defaults are the paper's: udacity networks at 128x128, batch 16, Adam 2e-4, 9 epochs. Its four
models are with and without --paired, with and without --emsn. Defaults of the udacity preset are in
[brackets]. --flagfile=FILE reads flags from a file, one per line.

Ctrl-C, SIGTERM, or a terminal that is gone ends training after the current step and saves it; the
exit status is then 130, 143, or 129. A second Ctrl-C or SIGTERM ends it at once.

Under srun or mpirun with several tasks, or with --coordinator_address, --num_processes and
--process_id, processes train one model together on the devices of all.
"""

from absl import flags

from experiments import flags as common, processes

common.define_config_flags()
flags.adopt_module_key_flags(common)
flags.adopt_module_key_flags(processes)
_DEBUG_NANS = flags.DEFINE_boolean(
  'debug_nans',
  False,
  'Stop at the operation that gives NaN and show its place in the code. Slow: use it to resume a '
  'diverged run.',
)
_OVERWRITE = flags.DEFINE_boolean(
  'overwrite', False, 'Delete an earlier run in the run folder and start over.'
)
_STALL = flags.DEFINE_float(
  'stall_timeout',
  None,
  'End with status 75 if no step ends for so many seconds, as when a disk or another process '
  'hangs. Validation and saves do not count. By default ten times the slowest step so far, at '
  'least 60. 0: never.',
  lower_bound=0,
)


def main() -> int:
  """Trains or resumes the run; returns the exit status."""
  config = common.config_from_flags()
  # Late, so that --help and bad flags answer at once.
  import jax

  from experiments import api

  jax.config.update('jax_debug_nans', _DEBUG_NANS.value)
  workdir = common.path(common.WORKDIR.value) or common.default_workdir(config)
  signal = api.run_training(config, workdir, overwrite=_OVERWRITE.value, stall_timeout=_STALL.value)
  return 128 + signal if signal else 0


if __name__ == '__main__':
  common.run(main, surrounding=processes.together)
