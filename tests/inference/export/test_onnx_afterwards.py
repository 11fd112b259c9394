"""What is done with an ONNX file after the export; docs/how-to/export.md has the table."""

import numpy as np
import pytest

from cyclegan_jax.inference.export import export
from cyclegan_jax.inference.export.program import Program
from tests.inference.made_up import model, picture

onnx = pytest.importorskip('onnx', reason='pip install onnx')
ort = pytest.importorskip('onnxruntime', reason='pip install onnxruntime')

CASES = {
  'batch': ('udacity', {}),
  'instance': ('cyclegan', {}),
  'unet': ('pix2pix', {'n_downsampling': 3, 'image_size': (256, 256)}),
  'antialiased': ('cut', {}),
  'constants': ('udacity', {'normalization': 'spectral_channels'}),
}
BATCH = np.stack([picture(48, 60, seed=i) for i in range(2)])


@pytest.fixture(scope='module', params=CASES)
def file(request, tmp_path_factory):
  preset, settings = CASES[request.param]
  path = tmp_path_factory.mktemp('onnx') / 'model.onnx'
  program = Program(export.in_float32(model(preset, **settings)), 'rgb_to_ir', 255)
  export.load_format('onnx').write(path, program, {'step': '7'})
  return path


def result(path, options=None):
  session = ort.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])
  return session.run(None, {'pixels': BATCH})[0]


def test_inputs_that_have_to_be_scalars_are(file):
  """Of Range and Clip, by the specification; runtimes that infer sizes insist on it."""
  graph = onnx.load(file).graph
  shapes = {constant.name: list(constant.dims) for constant in graph.initializer}
  known = [
    shapes[name]
    for node in graph.node
    if node.op_type in ('Range', 'Clip')
    for name in node.input[0 if node.op_type == 'Range' else 1 :]
    if name in shapes
  ]
  assert len(known) >= 6 and all(shape == [] for shape in known)


@pytest.mark.parametrize('how', ['input', 'dimensions'])
def test_sizes_can_be_fixed(file, tmp_path, how):
  """By ONNX Runtime's tools, as mobile runtimes want it, with the same pixels."""
  tools = pytest.importorskip('onnxruntime.tools.onnx_model_utils')
  fixed = onnx.load(file)
  if how == 'input':
    tools.make_input_shape_fixed(fixed.graph, 'pixels', list(BATCH.shape))
  else:
    for name, size in zip(('batch', 'height', 'width'), BATCH.shape):
      tools.make_dim_param_fixed(fixed.graph, name, size)
  onnx.checker.check_model(fixed, full_check=True)
  onnx.save(fixed, tmp_path / 'fixed.onnx')
  np.testing.assert_array_equal(result(tmp_path / 'fixed.onnx'), result(file))


def test_strict_shape_inference_passes(file):
  onnx.shape_inference.infer_shapes(onnx.load(file), check_type=True, strict_mode=True)


def test_an_optimized_model_that_was_saved_is_the_same(file, tmp_path):
  options = ort.SessionOptions()
  options.optimized_model_filepath = str(tmp_path / 'optimized.onnx')
  ort.InferenceSession(str(file), options, providers=['CPUExecutionProvider'])
  np.testing.assert_array_equal(result(tmp_path / 'optimized.onnx'), result(file))


def test_half_precision_is_within_a_level(file, tmp_path):
  float16 = pytest.importorskip(
    'onnxconverter_common.float16', reason='pip install onnxconverter-common'
  )
  onnx.save(
    float16.convert_float_to_float16(onnx.load(file), keep_io_types=True), tmp_path / 'half.onnx'
  )
  assert abs(result(tmp_path / 'half.onnx').astype(int) - result(file)).max() <= 1


def test_simplification_changes_no_pixel(file, tmp_path):
  onnxsim = pytest.importorskip('onnxsim', reason='pip install onnxsim')
  simple, good = onnxsim.simplify(onnx.load(file))
  assert good
  onnx.save(simple, tmp_path / 'simple.onnx')
  np.testing.assert_array_equal(result(tmp_path / 'simple.onnx'), result(file))


def test_opencv_reads_it(file):
  cv2 = pytest.importorskip('cv2', reason='pip install opencv-python-headless')
  if int(cv2.__version__.partition('.')[0]) < 5:
    pytest.skip('needs OpenCV 5')
  net = cv2.dnn.readNetFromONNX(str(file))
  net.setInput(BATCH)
  assert abs(net.forward().astype(int) - result(file)).max() <= 1
