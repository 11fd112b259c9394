"""Graphs of ONNX, built node by node."""

from collections.abc import Sequence
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

  def add(self, op: str, *inputs: Any, **attributes: Any) -> 'Tensor':
    """Adds a node with one output. Arrays among its inputs become constants, numbers float32."""
    names = [(x if isinstance(x, Tensor) else self._constant(x)).name for x in inputs]
    name = f'{op.lower()}_{len(self._nodes)}'
    self._nodes.append(helper.make_node(op, names, [name], name=name, **attributes))
    return Tensor(self, name)

  def _constant(self, value: Any) -> 'Tensor':
    """Adds an array of any dtype and shape that is stored in the file."""
    value = np.float32(value) if isinstance(value, (int, float)) else value
    name = f'constant_{len(self._constants)}'
    # Numbers stay scalars, as the inputs of Range and Clip have to be.
    self._constants.append(onnx.numpy_helper.from_array(np.asarray(value, order='C'), name))
    return Tensor(self, name)

  def model(
    self, sources: Sequence[onnx.ValueInfoProto], result: 'Tensor', target: onnx.ValueInfoProto
  ) -> onnx.ModelProto:
    """Returns the model from inputs to an output, which has the values of `result`; checked."""
    self._nodes.append(helper.make_node('Identity', [result.name], [target.name]))
    graph = helper.make_graph(self._nodes, 'generator', sources, [target], self._constants)
    opsets = [helper.make_opsetid('', OPSET)]
    model = helper.make_model(
      graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name='cyclegan_jax'
    )
    onnx.checker.check_model(model, full_check=True)
    return model


class Tensor:
  """A tensor of a graph.

  The operators + - * / with float32 tensors and Python numbers add nodes, so that code written for
  arrays, such as a normalization, works on it.
  """

  def __init__(self, graph: Graph, name: str) -> None:
    self.graph, self.name = graph, name

  def apply(self, op: str, *others: Any, **attributes: Any) -> 'Tensor':
    """Adds a node with this tensor as its first input; see `Graph.add`."""
    return self.graph.add(op, self, *others, **attributes)

  def __add__(self, other: Any) -> 'Tensor':
    return self.apply('Add', other)

  def __sub__(self, other: Any) -> 'Tensor':
    return self.apply('Sub', other)

  def __mul__(self, other: Any) -> 'Tensor':
    return self.apply('Mul', other)

  def __truediv__(self, other: Any) -> 'Tensor':
    return self.apply('Div', other)

  __radd__, __rmul__ = __add__, __mul__


def ints(*values: int) -> np.ndarray:
  """Returns whole numbers as ONNX wants them."""
  return np.array(values, np.int64)


def size_of(x: Tensor, axis: int) -> Tensor:
  """Returns the size of an axis, int64 [1]."""
  return x.apply('Shape', start=axis, end=axis + 1)
