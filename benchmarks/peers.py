"""The same training and inference in other programs: PyTorch, and ONNX Runtime for inference.

PyTorch's networks and steps are our own text in tests/parity. `ours` has the same in our program.
"""

from collections.abc import Callable, Mapping, Sequence
import contextlib
import dataclasses
import functools
import pathlib
import tempfile
from typing import Any

import numpy as np
import torch
from torch.utils import flop_counter

from benchmarks.rates import Work
from cyclegan_jax.settings import Config
from tests.parity import both, torch_cut, torch_paired_steps, torch_pix2pix, torch_steps

_DEVICE = 'cuda' if torch.cuda.is_available() else 'cpu'


class _Cast(torch.nn.Module):
  """A network that computes in bfloat16 where PyTorch's autocast does; float32 in and out."""

  def __init__(self, net: torch.nn.Module):
    super().__init__()
    self.net = net

  def forward(self, *inputs: Any) -> torch.Tensor:
    with torch.autocast(_DEVICE, torch.bfloat16):
      y = self.net(*inputs)
    return y.float()


@dataclasses.dataclass(frozen=True)
class Torch:
  """PyTorch's side.

  Attributes:
    config: what is trained; pools off.
    batch: float32 [rows, height, width, channels] by domain.
    compiled: torch.compile each network, and channels_last images and weights.
  """

  config: Config
  batch: Mapping[str, np.ndarray]
  compiled: bool

  def device(self) -> str:
    """'cpu' or 'cuda'."""
    return _DEVICE

  def training(self) -> Work:
    """Steps in the preset's order, all three or two Adams."""
    return Work(self._step(self._networks()), _wait)

  def flops(self) -> float:
    """Floating-point operations of a step: two for each multiplication in convolutions."""
    step = self._step({name: net.to(_DEVICE) for name, net in _plain(self.config).items()})
    with flop_counter.FlopCounterMode(display=False) as counter:
      step()
    return counter.get_total_flops()

  def inference(self) -> Work:
    """Translation of the batch from RGB to IR, evaluation mode."""
    net, rgb = self._networks()['rgb_to_ir'].eval(), self._tensors()['rgb']

    def translate():
      with torch.inference_mode():
        net(rgb)

    return Work(translate, _wait)

  def peaks(self, side: int) -> dict[str, tuple[Work, float]]:
    """A product of square matrices, and the operations that it takes."""
    x = torch.ones(side, side, device=_DEVICE, dtype=getattr(torch, self.config.model.precision))
    return {'PyTorch, matrices': (Work(lambda: x @ x, _wait), 2 * side**3)}

  def most_memory(self) -> float:
    """MiB that were taken on a GPU at once."""
    return torch.cuda.max_memory_allocated() / 2**20

  def _networks(self) -> dict[str, torch.nn.Module]:
    nets = {}
    for name, net in _plain(self.config).items():
      net = net.to(_DEVICE)
      if self.compiled:
        net = torch.compile(net.to(memory_format=torch.channels_last))
      nets[name] = _Cast(net) if self.config.model.precision == 'bfloat16' else net
    return nets

  def _tensors(self) -> dict[str, torch.Tensor]:
    tensors = {
      name: torch.from_numpy(x.transpose(0, 3, 1, 2).copy()).to(_DEVICE)
      for name, x in self.batch.items()
    }
    if self.compiled:
      tensors = {
        name: x.contiguous(memory_format=torch.channels_last) for name, x in tensors.items()
      }
    return tensors

  def _step(self, nets: Mapping[str, torch.nn.Module]) -> Callable[[], Any]:
    tensors, loss = self._tensors(), self.config.loss
    optims = both.torch_optimizers(self.config, nets)
    if self.config.train.preset == 'cut':
      with torch.no_grad():
        features = nets['rgb_to_ir'].encode(tensors['rgb'])
      draw = functools.partial(self._places, [x.shape[2] * x.shape[3] for x in features])
      return lambda: torch_cut.cut_step(
        nets, optims, tensors, places={'nce_rgb': draw(), 'nce_identity_ir': draw()}
      )
    steps = {
      # The notebook's gradients into the generators, which it throws away, are left out.
      'udacity': functools.partial(torch_steps.udacity_step, detach_fakes=True),
      'cyclegan': functools.partial(
        torch_steps.cyclegan_step, identity_weight=loss.identity_weight
      ),
      'pix2pix': torch_pix2pix.pix2pix_step,
      'pix2pixhd': torch_paired_steps.pix2pixhd_step,
      'infragan': functools.partial(torch_paired_steps.infragan_step, masks=None),
    }
    step = steps[self.config.train.preset]
    return lambda: step(nets, optims, tensors)

  def _places(self, positions: Sequence[int]) -> torch_cut.Places:
    """Draws patches of each image in layers with so many positions, as the source does."""
    rows, patches = self.config.train.batch_size, self.config.loss.nce_patches
    return [
      torch.stack([torch.randperm(n, device=_DEVICE)[:patches] for _ in range(rows)])
      for n in positions
    ]


@dataclasses.dataclass(frozen=True)
class OnnxRuntime:
  """Inference by ONNX Runtime, float32, of what PyTorch exports.

  Attributes:
    config, batch: as of `Torch`.
    threads: how many work.
  """

  config: Config
  batch: Mapping[str, np.ndarray]
  threads: int

  def inference(self) -> Work:
    """Translation of the batch from RGB to IR."""
    import onnxruntime  # Not on every machine that has PyTorch.

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = self.threads
    rgb = np.ascontiguousarray(self.batch['rgb'].transpose(0, 3, 1, 2))
    with tempfile.TemporaryDirectory() as folder:
      file = pathlib.Path(folder, 'net.onnx')
      with contextlib.redirect_stdout(None):  # The writer tells each step.
        torch.onnx.export(
          _plain(self.config)['rgb_to_ir'].eval(), (torch.from_numpy(rgb),), file, verbose=False
        )
      session = onnxruntime.InferenceSession(
        file, options, providers=onnxruntime.get_available_providers()
      )
    name = session.get_inputs()[0].name
    return Work(lambda: session.run(None, {name: rgb}))


def make(
  name: str, config: Config, batch: Mapping[str, np.ndarray], tf32: bool, threads: int
) -> Torch | OnnxRuntime:
  """Returns 'torch', 'torch.compile', or 'onnxruntime'; on a CPU so many threads work."""
  torch.set_num_threads(threads)
  torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
  if name == 'onnxruntime':
    return OnnxRuntime(config, batch, threads)
  return Torch(config, batch, compiled=name == 'torch.compile')


def _plain(config: Config) -> dict[str, torch.nn.Module]:
  return both.torch_nets(config, plain=True)


def _wait() -> None:
  if _DEVICE == 'cuda':
    torch.cuda.synchronize()
