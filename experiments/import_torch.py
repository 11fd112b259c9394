"""Makes a run folder from checkpoints of published PyTorch code.

  python -m experiments.import_torch --preset=cyclegan --dataset=folder --source_dir=PHOTOS \\
      --ir_channels=3 --checkpoint_dir=CHECKPOINTS --a_is=rgb --workdir=RUN

Presets: udacity (G_XtoY.pkl, ...), cyclegan (latest_net_G_A.pth, ...) and pix2pix
(latest_net_G.pth, ...); the last two are those of github.com/junyanz/pytorch-CycleGAN-and-pix2pix.
The run folder is one before its first step: experiments.evaluate and experiments.translate work
with it, and experiments.train with the same flags continues from there, with fresh optimizers. The
flags are those of experiments.train. If the networks do not fit the files, the message says which
flags would.
"""

from absl import flags

from cyclegan_jax import files
from cyclegan_jax.errors import UserError
from experiments import flags as common

common.define_config_flags()
flags.adopt_module_key_flags(common)
_CHECKPOINT_DIR = flags.DEFINE_string('checkpoint_dir', None, 'Folder with the PyTorch files.')
_A_IS = flags.DEFINE_enum(
  'a_is', 'rgb', ['rgb', 'ir'], 'Domain A (junyanz) or X (udacity) of the PyTorch model.'
)
_EPOCH = flags.DEFINE_string(
  'epoch', '', 'EPOCH of the EPOCH_net_*.pth to read. Empty: the only one there is, or latest.'
)


def main() -> None:
  """Writes a run folder with the weights of the PyTorch files."""
  config = common.config_from_flags()
  if not _CHECKPOINT_DIR.value:
    raise UserError('--checkpoint_dir is missing: give the folder with the PyTorch files.')
  # Late, so that --help and bad flags answer at once.
  from cyclegan_jax.inference.pytorch import importing
  from cyclegan_jax.runs import next_step, run_folder
  from cyclegan_jax.training import preflight, run_start
  import datasets

  workdir = common.path(common.WORKDIR.value) or common.default_workdir(config)
  preflight.check_new(config, workdir)
  folder = files.expanded(_CHECKPOINT_DIR.value)
  state = importing.import_state(config, folder, _A_IS.value, _EPOCH.value)
  run_start.write(config, datasets.open_dataset(config.data), workdir, state)
  then = next_step.evaluate(workdir, run_folder.splits_of(workdir))
  print(f'Imported into {workdir}. Next: {then}')


if __name__ == '__main__':
  common.run(main)
