"""ONNX files of a generator, from pixels to pixels.

The graph is written layer by layer from the networks' own modules, with operations that runtimes
have kernels for: convolutions, transposed convolutions, norms. It describes the networks a second
time, so export.py compares every file with the model.
"""

from collections.abc import Callable, Iterable, Mapping
import pathlib
from typing import Any, cast

from flax import nnx
import numpy as np
import onnx
from onnx import helper
import onnxruntime

from cyclegan_jax.inference.export import onnx_scene
from cyclegan_jax.inference.export.onnx_graph import Graph, ints, size_of, Tensor
from cyclegan_jax.inference.export.program import Program, Run
from cyclegan_jax.models import (
  adain,
  antialiasing,
  exemplar,
  generators,
  layered,
  layers,
  two_stage,
  unet,
)
from cyclegan_jax.models.network import Network


def write(file: pathlib.Path, program: Program, metadata: Mapping[str, str]) -> None:
  """Writes an ONNX file; the metadata become metadata_props."""
  (source, target), limit, multiple = program.domains, program.limit, program.model.multiple
  types = [helper.np_dtype_to_tensor_dtype(dtype) for dtype in program.dtypes]
  net = program.generator.net
  module = net.module(program.generator.params, program.generator.batch_stats)
  graph = Graph()
  given = {name: Tensor(graph, name) for name in ('pixels', *program.layers)}
  height, width = (size_of(given['pixels'], axis) for axis in (1, 2))
  whole = {
    name: _mirrored(_mirrored(x, height, 1, multiple), width, 2, multiple)
    for name, x in given.items()
  }
  x = onnx_scene.seen(graph, source, whole)
  x = _with_condition(_with_constants(x, net.constants), net)
  y = GENERATORS[type(module)](module, x)
  y = target.normalization.inverse(y) * (limit / target.max_value)
  y = y.apply('Round')  # Half to even, like NumPy.
  y = y.apply('Clip', 0, limit).apply('Cast', to=types[1])
  y = y.apply('Transpose', perm=(0, 2, 3, 1))
  ends = graph.add('Concat', height, width, axis=0)
  y = y.apply('Slice', ints(0, 0), ends, ints(1, 2))
  image = ['batch', 'height', 'width']
  before, after = (
    helper.make_tensor_value_info(name, kind, [*image, domain.channels])
    for name, kind, domain in zip(('pixels', 'translated'), types, program.domains)
  )
  planes = [
    helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(dtype), image)
    for name, dtype in program.layers.items()
  ]
  model = graph.model([before, *planes], y, after)
  helper.set_model_props(model, dict(metadata))
  onnx.save(model, file)


def load(file: pathlib.Path) -> Run:
  """Loads a file into ONNX Runtime, on the CPU."""
  session = onnxruntime.InferenceSession(file, providers=['CPUExecutionProvider'])
  return lambda pixels, **layers: cast(
    np.ndarray, session.run(None, {'pixels': pixels, **layers})[0]
  )


def _mirrored(x: Tensor, size: Tensor, axis: int, multiple: int) -> Tensor:
  """Mirrors an image at the end of an axis, repeatedly, up to a size that is a multiple."""
  n, step, one = size.apply('Squeeze', ints(0)), np.int64(multiple), np.int64(1)
  padded = n.apply('Add', step - one).apply('Div', step).apply('Mul', step)
  period = n.apply('Mul', np.int64(2))
  there = x.graph.add('Range', np.int64(0), padded, one).apply('Mod', period)
  back = period.apply('Sub', one).apply('Sub', there)
  return x.apply('Gather', there.apply('Min', back), axis=axis)


def _with_constants(x: Tensor, constants: tuple[float, ...]) -> Tensor:
  """Appends constant channels, as models/network.py does."""
  if not constants:
    return x
  sides = x.apply('Shape', start=2)
  shape = x.graph.add('Concat', size_of(x, 0), ints(len(constants)), sides, axis=0)
  planes = np.array(constants, np.float32).reshape(1, -1, 1, 1)
  return x.apply('Concat', x.graph.add('Expand', planes, shape), axis=1)


def _with_condition(x: Tensor, net: Network) -> Tensor:
  """Appends the default condition, as models/network.py does."""
  if net.label_planes is None:
    return _with_constants(x, net.condition)
  first, n = net.label_planes
  planes = x.apply('Slice', ints(first), ints(first + n), ints(1)).apply('Greater', 0)
  levels = np.array(net.condition[:n], np.float32).reshape(1, -1, 1, 1)
  x = x.apply('Concat', planes.apply('Where', levels, 0), axis=1)
  return _with_constants(x, net.condition[n:])


def _udacity(net: generators.UdacityGenerator, x: Tensor) -> Tensor:
  for conv, norm in zip(net.down, net.down_norms):
    x = _activation(net.activation, _layer(norm, _layer(conv, x)))
  return _layer(net.up[-1], _blocks_and_up(net, x)).apply('Tanh')


def _resnet(net: generators.ResnetGenerator, x: Tensor) -> Tensor:
  x = _activation(net.activation, _layer(net.first_norm, _layer(net.first, x)))
  for conv, norm in zip(net.down, net.down_norms):
    x = _layer(net.pool, _activation(net.activation, _layer(norm, _layer(conv, x))))
  return _layer(net.last, _blocks_and_up(net, x)).apply('Tanh')


def _blocks_and_up(
  net: generators.UdacityGenerator | generators.ResnetGenerator, x: Tensor
) -> Tensor:
  """The residual blocks, and the upsampling layers that a norm follows."""
  x = _blocks(net.blocks, x)
  for up, norm in zip(net.up, net.up_norms):
    x = _activation(net.activation, _layer(norm, _layer(up, x)))
  return x


def _blocks(blocks: Iterable[generators.ResidualBlock], x: Tensor) -> Tensor:
  for block in blocks:
    y = _activation(block.activation, _layer(block.norm1, _layer(block.conv1, x)))
    x = x + _layer(block.norm2, _layer(block.conv2, y))
  return x


def _unet(net: unet.UNetGenerator, x: Tensor) -> Tensor:
  x = _layer(net.down[0], x)
  skips = []
  for i, conv in enumerate(list(net.down)[1:]):
    skips.append(x)
    x = _layer(conv, _activation('leaky_relu', x))
    if i < len(net.down_norms):
      x = _layer(net.down_norms[i], x)
  for up, norm, has_skip in zip(net.up, net.up_norms, net.has_skip):
    x, skip = _layer(norm, _layer(up, _activation('relu', x))), skips.pop()
    x = skip.apply('Concat', x, axis=1) if has_skip else x
  return _layer(net.up[-1], _activation('relu', x)).apply('Tanh')


def _two_stage(net: two_stage.TwoStageGenerator, x: Tensor) -> Tensor:
  stage = GENERATORS[type(net.base)]
  base = stage(net.base, x)
  image = x.apply('Slice', ints(0), ints(net.seen), ints(1))
  y = base + stage(net.contrast, base.apply('Concat', image, axis=1))
  return y.apply('Clip', -1, 1)


def _layered(net: layered.LayeredGenerator, x: Tensor) -> Tensor:
  n = net.n_classes
  part = lambda y, first, size: y.apply('Slice', ints(first), ints(first + size), ints(1))
  of_class = part(x, net.first, n).apply('Greater', 0)
  in_any = of_class.apply('Cast', to=onnx.TensorProto.FLOAT).apply('ReduceMax', axes=[1])
  own = of_class.apply('Concat', in_any.apply('Less', 0.5), axis=1)
  images = GENERATORS[type(net.generator)](net.generator, x)
  chosen = [
    own.apply('Where', part(images, k * (n + 1), n + 1), 0).apply('ReduceSum', ints(1))
    for k in range(net.channels)
  ]
  return chosen[0].apply('Concat', *chosen[1:], axis=1)


def _exemplar(net: exemplar.ExemplarGenerator, x: Tensor) -> Tensor:
  """In the mean style, so that shifts and scales are constants."""
  content, decoder = net.content, net.decoder_ir
  if net.source_channels == 3:
    x = x.apply('Conv', np.array(exemplar.LUMINANCE, np.float32).reshape(1, 3, 1, 1))
  x = _activation('relu', _layer(content.first_norm, _layer(content.first, x)))
  for conv, norm in zip(content.down, content.down_norms):
    x = _activation('relu', _layer(norm, _layer(conv, x)))
  x = _blocks(content.blocks, x)
  norms = decoder.affine(net.mean_style[...][None])
  for i, block in enumerate(decoder.blocks):
    y = _activation('relu', _adaptive(block.norm1, norms[2 * i], _layer(block.conv1, x)))
    x = x + _adaptive(block.norm2, norms[2 * i + 1], _layer(block.conv2, y))
  for up, norm in zip(decoder.up, decoder.up_norms):
    x = _activation('relu', _layer(norm, _layer(up, x)))
  return _layer(decoder.last, x).apply('Tanh')


def _adaptive(layer: adain.AdaptiveNorm, given: adain.ShiftAndScale, x: Tensor) -> Tensor:
  shift, scale = (np.asarray(part).transpose(0, 3, 1, 2) for part in given)
  return _layer(layer.norm, x) * scale + shift


# For each class of generators, see models/kinds.py: x to y, float32 [batch, c, height, width].
GENERATORS: Mapping[type, Callable[[Any, Tensor], Tensor]] = {
  generators.UdacityGenerator: _udacity,
  generators.ResnetGenerator: _resnet,
  unet.UNetGenerator: _unet,
  two_stage.TwoStageGenerator: _two_stage,
  layered.LayeredGenerator: _layered,
  exemplar.ExemplarGenerator: _exemplar,
}


def _activation(kind: str, x: Tensor) -> Tensor:
  return x.apply('Relu') if kind == 'relu' else x.apply('LeakyRelu', alpha=layers.LEAK)


def _layer(layer: Any, x: Tensor) -> Tensor:
  """Applies a layer of models/layers.py in evaluation mode."""
  if layer is nnx.identity:
    return x
  return _LAYERS[type(layer)](layer, x)


def _conv(layer: layers.Conv, x: Tensor) -> Tensor:
  border = 0 if layer.width else 1
  if layer.width:
    x = x.apply('Pad', ints(*[0, 0, layer.width, layer.width] * 2), mode='reflect')
  return x.apply('Conv', *_weights(layer), strides=[layer.stride] * 2, pads=[border] * 4)


def _conv_transpose(layer: layers.ConvTranspose, x: Tensor) -> Tensor:
  sizes = dict(strides=[2, 2], pads=[1] * 4, output_padding=[layer.output_padding] * 2)
  return x.apply('ConvTranspose', *_weights(layer), **sizes)


def _resize_conv(layer: layers.ResizeConv, x: Tensor) -> Tensor:
  repeating = dict(nearest_mode='floor', coordinate_transformation_mode='asymmetric')
  return _conv(layer.conv, _doubled(x, mode='nearest', **repeating))


def _bilinear_conv(layer: layers.BilinearConv, x: Tensor) -> Tensor:
  return _conv(layer.conv, _doubled(x, mode='linear', coordinate_transformation_mode='half_pixel'))


def _doubled(x: Tensor, **how: str) -> Tensor:
  region = np.zeros(0, np.float32)  # Only a resize that crops reads it.
  return x.apply('Resize', region, np.array([1, 1, 2, 2], np.float32), **how)


def _blur_pool(layer: antialiasing.BlurPool, x: Tensor) -> Tensor:
  del layer  # It has no weights.
  x = x.apply('Pad', ints(*[0, 0, 1, 1] * 2), mode='reflect')
  # [1, 1] / 2 twice is [1, 2, 1] / 4.
  x = x.apply('AveragePool', kernel_shape=[2, 2])
  return x.apply('AveragePool', kernel_shape=[2, 2], strides=[2, 2])


def _batch_norm(layer: layers.BatchNorm, x: Tensor) -> Tensor:
  variables: tuple[Any, ...] = (layer.scale, layer.bias, layer.mean, layer.var)
  arrays = [np.asarray(variable[...]) for variable in variables]
  return x.apply('BatchNormalization', *arrays, epsilon=layer.epsilon)


def _instance_norm(layer: nnx.InstanceNorm, x: Tensor) -> Tensor:
  ones = np.ones(layer.num_features, np.float32)
  return x.apply('InstanceNormalization', ones, np.zeros_like(ones), epsilon=layer.epsilon)


def _image_norm(layer: adain.ImageNorm, x: Tensor) -> Tensor:
  """Over all channels and pixels, as one channel."""
  whole = x.apply('Reshape', ints(0, 1, -1))
  ones = np.ones(1, np.float32)
  y = whole.apply('InstanceNormalization', ones, np.zeros_like(ones), epsilon=layer.norm.epsilon)
  y = y.apply('Reshape', x.apply('Shape'))
  scale, bias = (np.asarray(x[...]).reshape(1, -1, 1, 1) for x in (layer.scale, layer.bias))
  return y * scale + bias


def _weights(layer: layers.Conv | layers.ConvTranspose) -> list[np.ndarray]:
  """Returns the kernel, as ONNX has it, and the bias if there is one."""
  kernel = np.asarray(layer.kernel[...]).transpose(3, 2, 0, 1)
  return [kernel] if layer.bias is None else [kernel, np.asarray(layer.bias[...])]


_LAYERS: Mapping[type, Callable[[Any, Tensor], Tensor]] = {
  layers.Conv: _conv,
  layers.ConvTranspose: _conv_transpose,
  layers.ResizeConv: _resize_conv,
  layers.BilinearConv: _bilinear_conv,
  antialiasing.BlurPool: _blur_pool,
  layers.BatchNorm: _batch_norm,
  nnx.InstanceNorm: _instance_norm,
  adain.ImageNorm: _image_norm,
}
