"""The same training and inference in other programs: PyTorch, and ONNX Runtime for inference.

PyTorch's networks and steps are our own text in tests/parity. For benchmarks/against_torch.py.
"""

from collections.abc import Callable, Mapping
import contextlib
import dataclasses
import pathlib
import tempfile
from typing import Any

import numpy as np
import torch
from torch.utils import flop_counter

from cyclegan_jax.settings import Config
from tests.parity import both, torch_pix2pix, torch_steps


@dataclasses.dataclass(frozen=True)
class Work:
  """Something that is done again and again.

  Attributes:
    start: begins to handle a batch; on a GPU it may return before that is done.
    wait: returns when all that was started is done.
  """

  start: Callable[[], Any]
  wait: Callable[[], Any] = lambda: None


class _Cast(torch.nn.Module):
  """A network that computes in bfloat16 where PyTorch's autocast does; float32 in and out."""

  def __init__(self, net: torch.nn.Module, device: str):
    super().__init__()
    self.net, self.device = net, device

  def forward(self, *inputs: Any) -> torch.Tensor:
    with torch.autocast(self.device, torch.bfloat16):
      y = self.net(*inputs)
    return y.float()


@dataclasses.dataclass(frozen=True)
class Torch:
  """PyTorch's side.

  Attributes:
    config: what is trained; pools off.
    batch: float32 [rows, height, width, channels] by domain.
    device: 'cpu' or 'cuda'.
    precision: 'float32' or 'bfloat16' (autocast).
    compiled: torch.compile each network, and channels_last images and weights.
  """

  config: Config
  batch: Mapping[str, np.ndarray]
  device: str
  precision: str
  compiled: bool

  def training(self) -> Work:
    """Steps in the preset's order, all three or two Adams."""
    return Work(self._step(self._networks()), self._wait)

  def flops(self) -> float:
    """Floating-point operations of a step: two for each multiplication in convolutions."""
    step = self._step({name: net.to(self.device) for name, net in self._plain().items()})
    with flop_counter.FlopCounterMode(display=False) as counter:
      step()
    return counter.get_total_flops()

  def inference(self) -> Work:
    """Translation of the batch from RGB to IR, evaluation mode."""
    net, rgb = self._networks()['rgb_to_ir'].eval(), self._tensors()['rgb']

    def translate():
      with torch.inference_mode():
        net(rgb)

    return Work(translate, self._wait)

  def onnx_inference(self, threads: int) -> Work | None:
    """The same by ONNX Runtime, float32; None if it, or what writes its files, is not there."""
    try:
      import onnxruntime
      import onnxscript  # noqa: F401  torch.onnx needs it and does not say so.
    except ImportError:
      return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    rgb = np.ascontiguousarray(self.batch['rgb'].transpose(0, 3, 1, 2))
    with tempfile.TemporaryDirectory() as folder:
      file = pathlib.Path(folder, 'net.onnx')
      with contextlib.redirect_stdout(None):  # It tells each step.
        torch.onnx.export(
          self._plain()['rgb_to_ir'].eval(), (torch.from_numpy(rgb),), file, verbose=False
        )
      session = onnxruntime.InferenceSession(
        file, options, providers=onnxruntime.get_available_providers()
      )
    name = session.get_inputs()[0].name
    return Work(lambda: session.run(None, {name: rgb}))

  def _plain(self) -> dict[str, torch.nn.Module]:
    return both.torch_nets(self.config, plain=True)

  def _networks(self) -> dict[str, torch.nn.Module]:
    nets = {}
    for name, net in self._plain().items():
      net = net.to(self.device)
      if self.compiled:
        net = torch.compile(net.to(memory_format=torch.channels_last))
      nets[name] = _Cast(net, self.device) if self.precision == 'bfloat16' else net
    return nets

  def _tensors(self) -> dict[str, torch.Tensor]:
    tensors = {
      name: torch.from_numpy(x.transpose(0, 3, 1, 2).copy()).to(self.device)
      for name, x in self.batch.items()
    }
    if self.compiled:
      tensors = {
        name: x.contiguous(memory_format=torch.channels_last) for name, x in tensors.items()
      }
    return tensors

  def _step(self, nets: Mapping[str, torch.nn.Module]) -> Callable[[], Any]:
    tensors = self._tensors()
    if self.config.train.preset == 'udacity':
      optims = torch_steps.udacity_optimizers(nets)
      # The notebook's gradients into the generators, which it throws away, are left out.
      return lambda: torch_steps.udacity_step(nets, optims, tensors, detach_fakes=True)
    optims = torch_steps.optimizers(nets)
    if self.config.train.preset == 'cyclegan':
      return lambda: torch_steps.cyclegan_step(
        nets, optims, tensors, identity_weight=self.config.loss.identity_weight
      )
    return lambda: torch_pix2pix.pix2pix_step(nets, optims, tensors)

  def _wait(self) -> None:
    if self.device == 'cuda':
      torch.cuda.synchronize()


def product(side: int, device: str, precision: str) -> Work:
  """A product of square matrices."""
  x = torch.ones(side, side, device=device, dtype=getattr(torch, precision))
  return Work(lambda: x @ x, torch.cuda.synchronize if device == 'cuda' else lambda: None)
