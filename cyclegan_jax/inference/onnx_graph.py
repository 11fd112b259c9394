"""ONNX graphs, built by arithmetic on their tensors."""

from typing import Any

import numpy as np
import onnx
from onnx import helper

# From March 2022; ONNX Runtime 1.12 and later read it.
OPSET = 17
_IR_VERSION = 8


class Graph:
  """Nodes and constants, in the order in which they were added."""

  def __init__(self) -> None:
    self._nodes: list[onnx.NodeProto] = []
    self._constants: list[onnx.TensorProto] = []

  def constant(self, value: Any) -> 'Tensor':
    """Adds an array of any dtype and shape that is stored in the file."""
    name = f'constant_{len(self._constants)}'
    self._constants.append(onnx.numpy_helper.from_array(np.ascontiguousarray(value), name))
    return Tensor(self, name)

  def add(self, op: str, *inputs: 'Tensor', **attributes: Any) -> 'Tensor':
    """Adds a node with one output."""
    name = f'{op.lower()}_{len(self._nodes)}'
    self._nodes.append(
      helper.make_node(op, [tensor.name for tensor in inputs], [name], name=name, **attributes)
    )
    return Tensor(self, name)

  def model(
    self,
    source: onnx.ValueInfoProto,
    result: 'Tensor',
    target: onnx.ValueInfoProto,
    metadata: dict[str, str],
  ) -> onnx.ModelProto:
    """Returns the model of a whole file, checked.

    Args:
      source: name, type and shape of the input.
      result: the tensor that becomes the output.
      target: name, type and shape of the output.
      metadata: texts by name.
    """
    self._nodes.append(helper.make_node('Identity', [result.name], [target.name]))
    graph = helper.make_graph(self._nodes, 'generator', [source], [target], self._constants)
    model = helper.make_model(
      graph,
      opset_imports=[helper.make_opsetid('', OPSET)],
      ir_version=_IR_VERSION,
      producer_name='cyclegan_jax',
    )
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return model


class Tensor:
  """A tensor of a graph.

  The operators + - * / with float32 tensors and Python numbers add nodes, so that code written for
  arrays, such as a normalization, works on it. Numbers are float32, as in NumPy.
  """

  def __init__(self, graph: Graph, name: str) -> None:
    self.graph, self.name = graph, name

  def apply(self, op: str, *others: Any, **attributes: Any) -> 'Tensor':
    """Adds a node with this tensor as its first input; other arrays become constants."""
    tensors = [
      other if isinstance(other, Tensor) else self.graph.constant(other) for other in others
    ]
    return self.graph.add(op, self, *tensors, **attributes)

  def __add__(self, other: Any) -> 'Tensor':
    return self.apply('Add', _float32(other))

  def __sub__(self, other: Any) -> 'Tensor':
    return self.apply('Sub', _float32(other))

  def __mul__(self, other: Any) -> 'Tensor':
    return self.apply('Mul', _float32(other))

  def __truediv__(self, other: Any) -> 'Tensor':
    return self.apply('Div', _float32(other))

  __radd__, __rmul__ = __add__, __mul__


def _float32(value: Any) -> Any:
  return value if isinstance(value, Tensor) else np.float32(value)
