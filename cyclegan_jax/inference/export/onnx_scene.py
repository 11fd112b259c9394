"""What networks see of a scene, in graphs of ONNX: see data/planes.py."""

from collections.abc import Mapping

import numpy as np
import onnx

from cyclegan_jax.data.layers import DEPTH
from cyclegan_jax.data.planes import Inputs
from cyclegan_jax.data.source import Domain
from cyclegan_jax.inference.export.onnx_graph import Graph, ints, Tensor


def seen(graph: Graph, source: Domain, scene: Mapping[str, Tensor]) -> Tensor:
  """Returns what networks see, float32 [batch, channels, height, width].

  Args:
    graph: Gets the nodes.
    source: The domain of the image.
    scene: Has `pixels`, [batch, height, width, channels], and by their names the layers that
      `source.inputs` names, [batch, height, width] each.
  """
  if not source.inputs:
    return _image(graph, source, scene['pixels'])
  planes = []
  for kind in source.inputs.kinds:
    if kind == 'rgb':
      planes.append(_image(graph, source, scene['pixels']))
    elif kind == DEPTH:
      values = np.arange(65536, dtype=np.uint16)
      table = Inputs((DEPTH,)).seen(None, {DEPTH: values})[:, 0]
      planes.append(_looked_up(graph, table, scene[DEPTH]).apply('Unsqueeze', ints(1)))
    else:
      planes.append(_classes(scene['labels'], len(source.inputs.class_names)))
  return planes[0].apply('Concat', *planes[1:], axis=1)


def _image(graph: Graph, source: Domain, pixels: Tensor) -> Tensor:
  values = np.arange(source.max_value + 1, dtype=np.float32)
  x = _looked_up(graph, source.normalization.forward(values), pixels)
  return x.apply('Transpose', perm=(0, 3, 1, 2))


def _looked_up(graph: Graph, table: np.ndarray, pixels: Tensor) -> Tensor:
  """Looks up a table of the network value of every pixel value, computed by the program itself."""
  return graph.add('Gather', table, pixels.apply('Cast', to=onnx.TensorProto.INT32))


def _classes(labels: Tensor, n: int) -> Tensor:
  indices = labels.apply('Cast', to=onnx.TensorProto.INT32).apply('Unsqueeze', ints(1))
  found = indices.apply('Equal', np.arange(n, dtype=np.int32).reshape(1, n, 1, 1))
  return found.apply('Where', 1, -1)
