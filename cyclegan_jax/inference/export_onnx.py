"""A generator as an ONNX file, pixels in and pixels out.

The graph is written layer by layer from the networks' own modules, in the operations that runtimes
have kernels for: convolutions, transposed ones, norms. It is a second description of the networks;
experiments.export therefore runs every file that it writes beside the model.
"""

from collections.abc import Callable, Mapping
import pathlib
from typing import Any

from flax import nnx
import numpy as np
import onnx
from onnx import helper
import onnxruntime

from cyclegan_jax.inference.model import Model
from cyclegan_jax.inference.onnx_graph import Graph, Tensor
from cyclegan_jax.models import generators, layers, unet

Run = Callable[[np.ndarray], np.ndarray]


def write(
  file: pathlib.Path, model: Model, direction: str, limit: float, metadata: Mapping[str, str]
) -> None:
  """Writes the generator of a direction, computing in float32.

  Args:
    file: where to.
    model: the trained model.
    direction: 'rgb_to_ir' or 'ir_to_rgb'.
    limit: the largest pixel value that comes out, 255 or 65535.
    metadata: texts by name, for the file's metadata_props.
  """
  source, target = (model.domains[name] for name in direction.split('_to_'))
  generator = model.translator(direction)
  net, module = generator.net, generator.net.module(generator.params, generator.batch_stats)
  graph = Graph()
  pixels = Tensor(graph, 'pixels')
  height, width = (_size(pixels, axis) for axis in (1, 2))
  x = _mirrored(_mirrored(pixels, height, 1, model.multiple), width, 2, model.multiple)
  # Every pixel value there can be, normalized by the program itself.
  values = np.arange(source.normalization.max_value + 1, dtype=np.float32)
  x = graph.constant(source.normalization.forward(values)).apply(
    'Gather', x.apply('Cast', to=onnx.TensorProto.INT32)
  )
  x = x.apply('Transpose', perm=(0, 3, 1, 2))
  y = _GENERATORS[type(module)](module, _with_constants(x, net.constants))
  y = target.normalization.inverse(y) * (limit / target.normalization.max_value)
  y = y.apply('Round')  # Half to even, as NumPy.
  y = y.apply('Clip', np.float32(0), np.float32(limit)).apply('Cast', to=_type(limit))
  y = y.apply('Transpose', perm=(0, 2, 3, 1))
  ends = graph.add('Concat', height, width, axis=0)
  y = y.apply('Slice', np.int64([0, 0]), ends, np.int64([1, 2]))
  infos = [
    helper.make_tensor_value_info(
      name, _type(largest), ['batch', 'height', 'width', domain.channels]
    )
    for name, domain, largest in (
      ('pixels', source, source.normalization.max_value),
      ('translated', target, limit),
    )
  ]
  onnx.save(graph.model(infos[0], y, infos[1], dict(metadata)), file)


def load(file: pathlib.Path) -> Run:
  """What a file computes on the CPU by ONNX Runtime: [batch, height, width, channels]."""
  session = onnxruntime.InferenceSession(file, providers=['CPUExecutionProvider'])
  return lambda pixels: session.run(None, {'pixels': pixels})[0]


def _type(max_value: float) -> int:
  return onnx.TensorProto.UINT8 if max_value <= 255 else onnx.TensorProto.UINT16


def _size(x: Tensor, axis: int) -> Tensor:
  """The size of an axis, int64 [1]."""
  return x.apply('Shape', start=axis, end=axis + 1)


def _mirrored(x: Tensor, size: Tensor, axis: int, multiple: int) -> Tensor:
  """Mirrors at the end of an axis, again and again, up to a size that is a multiple."""
  n = size.apply('Squeeze', np.int64([0]))
  padded = (
    n.apply('Add', np.int64(multiple - 1))
    .apply('Div', np.int64(multiple))
    .apply('Mul', np.int64(multiple))
  )
  counted = n.graph.constant(np.int64(0)).apply('Range', padded, np.int64(1))
  period = n.apply('Mul', np.int64(2))
  there = counted.apply('Mod', period)
  back = period.apply('Sub', np.int64(1)).apply('Sub', there)
  return x.apply('Gather', there.apply('Less', n).apply('Where', there, back), axis=axis)


def _with_constants(x: Tensor, constants: tuple[float, ...]) -> Tensor:
  """Constant channels after the others, as models/networks.py has them."""
  if not constants:
    return x
  shape = x.graph.add(
    'Concat',
    _size(x, 0),
    x.graph.constant(np.int64([len(constants)])),
    x.apply('Shape', start=2),
    axis=0,
  )
  planes = x.graph.constant(np.float32(constants).reshape(1, -1, 1, 1)).apply('Expand', shape)
  return x.apply('Concat', planes, axis=1)


def _udacity(net: generators.UdacityGenerator, x: Tensor) -> Tensor:
  for conv, norm in zip(net.down, net.down_norms):
    x = _active(net.activation, _layer(norm, _layer(conv, x)))
  for block in net.blocks:
    x = _residual(block, x)
  for up, norm in zip(net.up, net.up_norms):
    x = _active(net.activation, _layer(norm, _layer(up, x)))
  return _layer(net.up[-1], x).apply('Tanh')


def _resnet(net: generators.ResnetGenerator, x: Tensor) -> Tensor:
  x = _layer(net.first_norm, _layer(net.first, x))
  for conv, norm in zip(net.down, net.down_norms):
    x = _layer(norm, _layer(conv, _active(net.activation, x)))
  x = _active(net.activation, x)
  for block in net.blocks:
    x = _residual(block, x)
  for up, norm in zip(net.up, net.up_norms):
    x = _active(net.activation, _layer(norm, _layer(up, x)))
  return _layer(net.last, x).apply('Tanh')


def _unet(net: unet.UNetGenerator, x: Tensor) -> Tensor:
  x = _layer(net.down[0], x)
  skips = []
  for i, conv in enumerate(list(net.down)[1:]):
    skips.append(x)
    x = _layer(conv, _active('leaky_relu', x))
    if i < len(net.down_norms):
      x = _layer(net.down_norms[i], x)
  for up, norm in zip(net.up, net.up_norms):
    x = skips.pop().apply('Concat', _layer(norm, _layer(up, _active('relu', x))), axis=1)
  return _layer(net.up[-1], _active('relu', x)).apply('Tanh')


_GENERATORS = {
  generators.UdacityGenerator: _udacity,
  generators.ResnetGenerator: _resnet,
  unet.UNetGenerator: _unet,
}


def _residual(block: generators.ResidualBlock, x: Tensor) -> Tensor:
  y = _active(block.activation, _layer(block.norm1, _layer(block.conv1, x)))
  return x + _layer(block.norm2, _layer(block.conv2, y))


def _active(kind: str, x: Tensor) -> Tensor:
  return x.apply('Relu') if kind == 'relu' else x.apply('LeakyRelu', alpha=layers.LEAK)


def _layer(layer: Any, x: Tensor) -> Tensor:
  """A layer of models/layers.py, in evaluation."""
  if layer is nnx.identity:
    return x
  return _LAYERS[type(layer)](layer, x)


def _conv(layer: layers.Conv, x: Tensor) -> Tensor:
  border = 1
  if layer.width:
    border = 0
    x = x.apply('Pad', np.int64([0, 0, layer.width, layer.width] * 2), mode='reflect')
  return x.apply(
    'Conv', *_weights(layer, (3, 2, 0, 1)), strides=[layer.stride] * 2, pads=[border] * 4
  )


def _conv_transpose(layer: layers.ConvTranspose, x: Tensor) -> Tensor:
  return x.apply(
    'ConvTranspose',
    *_weights(layer, (3, 2, 0, 1)),
    strides=[2, 2],
    pads=[1] * 4,
    output_padding=[layer.output_padding] * 2,
  )


def _resize_conv(layer: layers.ResizeConv, x: Tensor) -> Tensor:
  none = np.zeros(0, np.float32)  # The region of interest, which only cropping resizes read.
  x = x.apply(
    'Resize',
    none,
    np.float32([1, 1, 2, 2]),
    mode='nearest',
    nearest_mode='floor',
    coordinate_transformation_mode='asymmetric',
  )
  return _conv(layer.conv, x)


def _batch_norm(layer: layers.BatchNorm, x: Tensor) -> Tensor:
  arrays = (layer.scale, layer.bias, layer.mean, layer.var)
  return x.apply('BatchNormalization', *(np.asarray(a[...]) for a in arrays), epsilon=layer.epsilon)


def _instance_norm(layer: nnx.InstanceNorm, x: Tensor) -> Tensor:
  ones = np.ones(layer.num_features, np.float32)
  return x.apply('InstanceNormalization', ones, np.zeros_like(ones), epsilon=layer.epsilon)


def _weights(layer: Any, order: tuple[int, ...]) -> list[np.ndarray]:
  """Kernel, its axes in this order, and bias if there is one."""
  kernel = np.asarray(layer.kernel[...]).transpose(order)
  return [kernel] if layer.bias is None else [kernel, np.asarray(layer.bias[...])]


_LAYERS = {
  layers.Conv: _conv,
  layers.ConvTranspose: _conv_transpose,
  layers.ResizeConv: _resize_conv,
  layers.BatchNorm: _batch_norm,
  nnx.InstanceNorm: _instance_norm,
}
