"""What a training step needs on a GPU, compiled for one where there is none.

  pip install -e '.[cuda12]'
  python -m benchmarks.gpu_step --json=FILE
  python -m benchmarks.gpu_step --presets=udacity:128 --batches=16 --precisions=bfloat16 --devices=8

XLA compiles for the card that a text describes (jax.experimental.topologies). Prints a Markdown
table: memory of a step on each device, its arguments and results included; its convolutions, and
how many of them are in bfloat16; and, of several devices, the exchanges between them, as the step
has them and as XLA joins them. What cuDNN takes for a convolution is missing: which of its
algorithms is quickest can only be measured on a card.
"""

from collections.abc import Iterable, Iterator, Sequence
import importlib.util
import itertools
import json
import os
import pathlib
import re
from typing import Any

# Before JAX is imported: it is to use no card, and XLA cannot try algorithms on one.
os.environ['JAX_PLATFORMS'] = 'cpu'
os.environ['XLA_FLAGS'] = os.environ.get('XLA_FLAGS', '') + ' --xla_gpu_autotune_level=0'

from absl import app, flags
import jax
from jax.experimental import topologies
import jax.numpy as jnp

from benchmarks import configuration
from cyclegan_jax import config as config_lib, memory
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.models import networks
from cyclegan_jax.settings import Config
from cyclegan_jax.training.step import parallel, state as state_lib

_PRESETS = flags.DEFINE_list(
  'presets',
  'udacity:128,cyclegan:256,pix2pix:256,regression:256,thermal:256,cut:256,infragan:256,'
  'pix2pixhd:256',
  'PRESET:SIZE.',
)
_BATCHES = flags.DEFINE_list('batches', '1,16', 'Images on each device.')
_PRECISIONS = flags.DEFINE_list('precisions', 'float32,bfloat16', 'Of convolutions.')
_DEVICES = flags.DEFINE_integer('devices', 1, 'Cards.', lower_bound=1)
_ACCUMULATE = flags.DEFINE_integer('accumulate', 1, 'As in training.', lower_bound=1)
_REMAT = flags.DEFINE_boolean('remat', False, 'As in training.')
_JSON = flags.DEFINE_string('json', '', 'A file for the figures.')

# An H100 with SXM, as XLA itself describes it (github.com/openxla/xla/pull/25919).
_H100 = """
gpu_device_info {
  cuda_compute_capability { major: 9 minor: 0 }
  core_count: 132
  fpus_per_core: 128
  clock_rate_ghz: 1.98
  device_memory_size: 84929347584
  memory_bandwidth: 3352320000000
  l2_cache_size: 52428800
  threads_per_warp: 32
  threads_per_block_limit: 1024
  threads_per_core_limit: 2048
  registers_per_block_limit: 65536
  registers_per_core_limit: 65536
  shared_memory_per_block: 49152
  shared_memory_per_block_optin: 232448
  shared_memory_per_core: 233472
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 10 }
runtime_version { major: 12 minor: 9 patch: 0 }
device_description_str: "NVIDIA H100 80GB HBM3"
"""
_COLUMNS = {
  'preset': 'preset',
  'size': 'size',
  'precision': 'precision',
  'batch': 'images on a device',
  'mib': 'MiB on a device',
  'convolutions': 'convolutions',
  'in_bfloat16': 'in bfloat16',
}
_OF_SEVERAL = {'exchanges': 'exchanges', 'joined': 'after XLA'}


def lowered(config: Config, cards: Sequence[Any]) -> jax.stages.Lowered:
  """The training step of a run on some cards, in the text that XLA compiles."""
  domains, n = make_domains(config.data), len(cards)
  step = parallel.compile_train_step(
    networks.build(config.model, domains),
    config,
    state_lib.make_optimizer(config.train, 1),
    devices=cards,
  )
  rows = n, config.train.batch_size // n, *config.data.image_size
  images = {
    name: jax.ShapeDtypeStruct((*rows, domain.channels), jnp.float32)
    for name, domain in domains.items()
  }
  state = jax.tree.map(
    lambda x: jax.ShapeDtypeStruct((n, *x.shape), x.dtype), state_lib.abstract(config, domains)
  )
  return step.lower(state, images)


def measured(step: jax.stages.Lowered) -> dict[str, int]:
  """What the compiled step needs."""
  program = step.compile()
  text = program.as_text() or ''
  convolutions = re.findall(r'= \(?(\w+)\[.*custom_call_target="__cudnn\$conv', text)
  return {
    'mib': round(memory.of_program(program) / 2**20),
    'convolutions': len(convolutions),
    'in_bfloat16': convolutions.count('bf16'),
    'exchanges': step.as_text().count('stablehlo.all_reduce'),
    'joined': len(re.findall(r' all-reduce(?:-start)?\(', text)),
  }


def found() -> Iterator[dict[str, Any]]:
  """A row of the table for each preset, precision, and batch."""
  n = _DEVICES.value
  cards = topologies.get_topology_desc(
    platform='cuda', target_config=_H100, topology=f'1x1x{n}'
  ).devices
  for name, precision, batch in itertools.product(
    _PRESETS.value, _PRECISIONS.value, map(int, _BATCHES.value)
  ):
    preset, _, size = name.partition(':')
    if preset not in config_lib.PRESETS or not size.isdecimal():
      raise app.UsageError(f'--presets: {name} is no preset with a size, such as udacity:128.')
    config = configuration.without_data(
      preset,
      batch * n,
      int(size),
      precision=precision,
      accumulate=_ACCUMULATE.value,
      remat=_REMAT.value,
    )
    given = dict(preset=preset, size=int(size), precision=precision, batch=batch)
    yield {**given, **measured(lowered(config, cards))}


def line(cells: Iterable[Any]) -> str:
  """A row of a table in Markdown."""
  return '| ' + ' | '.join(map(str, cells)) + ' |'


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  if not any(map(importlib.util.find_spec, ('jax_cuda12_plugin', 'jax_cuda13_plugin'))):
    raise SystemExit('XLA cannot compile for cards here: pip install -e ".[cuda12]"')
  columns = _COLUMNS | (_OF_SEVERAL if _DEVICES.value > 1 else {})
  print(line(columns.values()))
  print('|---|' + '---:|' * (len(columns) - 1))
  rows = []
  for row in found():
    rows.append(row)
    print(line(row[name] for name in columns), flush=True)
  settings = dict(devices=_DEVICES.value, accumulate=_ACCUMULATE.value, remat=_REMAT.value)
  if _JSON.value:
    content = {'card': 'H100', 'jax': jax.__version__, **settings, 'rows': rows}
    pathlib.Path(_JSON.value).write_text(json.dumps(content, indent=1) + '\n')


if __name__ == '__main__':
  app.run(main)
