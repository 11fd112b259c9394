"""Training and inference in our program; `peers` has the same in others."""

from collections.abc import Mapping
import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.rates import Work
from cyclegan_jax import memory
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.devices import sharding
from cyclegan_jax.models import apply, networks
from cyclegan_jax.settings import Config
from cyclegan_jax.training import loop
from cyclegan_jax.training.step import parallel, state as state_lib

# What the machine can do is measured with a 3x3 convolution of so many images, so wide and high, of
# so many channels, too.
_IMAGES, _PIXELS, _CHANNELS = 16, 32, 256


@dataclasses.dataclass(frozen=True)
class Ours:
  """Our side.

  Attributes:
    config: what is trained.
    batch: float32 [rows, height, width, channels] by domain.
  """

  config: Config
  batch: Mapping[str, np.ndarray]

  def device(self) -> str:
    """'cpu' or 'cuda'."""
    return 'cuda' if jax.default_backend() == 'gpu' else jax.default_backend()

  def card(self) -> str:
    """The kind of the device."""
    return jax.local_devices()[0].device_kind

  def training(self) -> Work:
    """Steps on the batch, which lies on the device."""
    step = self._step
    state, steps = parallel.replicate(self._initialized()), 0

    def train():
      nonlocal state, steps
      state, _ = step(state, self._rows)
      steps += 1
      if steps == loop.STEPS_TO_SETTLE:
        memory.give_back()

    return Work(train, lambda: jax.block_until_ready(state))

  def flops(self) -> float:
    """Floating-point operations of a step, as XLA counts them."""
    return self._step.cost_analysis().get('flops', float('nan'))

  def inference(self) -> Work:
    """Translation of the batch from RGB to IR. The result stays on the device."""
    name, rgb, last = 'rgb_to_ir', jax.device_put(self.batch['rgb']), None
    first = self._initialized()
    params, batch_stats = first.params[name], first.batch_stats[name]
    del first  # Only the generator stays.

    def translate():
      nonlocal last
      last = apply.translate(self._nets[name], params, batch_stats, rgb)

    return Work(translate, lambda: jax.block_until_ready(last))

  def peaks(self, side: int) -> dict[str, tuple[Work, float]]:
    """A product of square matrices and a convolution, and the operations that each takes."""
    precision = self.config.model.precision
    x = jnp.ones((side, side), precision)
    image = jnp.ones((_IMAGES, _PIXELS, _PIXELS, _CHANNELS), precision)
    kernel = jnp.ones((3, 3, _CHANNELS, _CHANNELS), precision)
    convolve = jax.jit(
      lambda x, k: jax.lax.conv_general_dilated(
        x, k, (1, 1), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC')
      )
    )
    matmul, last = jax.jit(jnp.matmul), None

    def run(function, *arguments):
      def start():
        nonlocal last
        last = function(*arguments)

      return Work(start, lambda: jax.block_until_ready(last))

    # Zero padding saves a little of the convolution; it is counted whole.
    return {
      'XLA, matrices': (run(matmul, x, x), 2 * side**3),
      'XLA, convolution': (run(convolve, image, kernel), 2 * image.size * 9 * _CHANNELS),
    }

  def most_memory(self) -> float:
    """MiB that were taken on a GPU at once."""
    statistics = jax.local_devices()[0].memory_stats() or {}
    return statistics.get('peak_bytes_in_use', float('nan')) / 2**20

  @functools.cached_property
  def _domains(self):
    return make_domains(self.config.data)

  @functools.cached_property
  def _nets(self):
    return networks.build(self.config.model, self._domains)

  def _initialized(self):
    return state_lib.initialize(self.config, self._domains)

  @functools.cached_property
  def _rows(self):
    return {name: jax.device_put(x[np.newaxis], sharding()) for name, x in self.batch.items()}

  @functools.cached_property
  def _step(self):
    optimizer = state_lib.make_optimizer(self.config.train, 1)
    jitted = parallel.compile_train_step(self._nets, self.config, optimizer)
    program = jitted.lower(parallel.replicate(self._initialized()), self._rows).compile()
    memory.give_back()  # As `parallel.compile_ahead` does.
    return program
