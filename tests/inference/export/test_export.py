"""Exported files do what Model.translate does, whatever the networks and the sizes."""

import json
import zipfile

import jax
import jax.export
import numpy as np
import pytest

from cyclegan_jax.data import condition
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference.export import check, export
from cyclegan_jax.inference.export.check import Example
from cyclegan_jax.inference.export.program import Program
from cyclegan_jax.models import generators
from cyclegan_jax.models.exemplar import ExemplarGenerator
from cyclegan_jax.models.layered import LayeredGenerator
from cyclegan_jax.models.two_stage import TwoStageGenerator
from tests.inference.made_up import model, picture

RUNTIMES = {'stablehlo': 'flatbuffers', 'onnx': 'onnxruntime'}
CASES = {
  'udacity': ('udacity', {}),
  'demo': ('demo_cyclegan', {}),
  'cyclegan': ('cyclegan', {'ir_channels': 3}),
  'pix2pix': ('pix2pix', {'n_downsampling': 3, 'image_size': (256, 256)}),
  'emsn': ('udacity', {'normalization': 'emsn', 'norm': 'none', 'activation': 'leaky_relu'}),
  'channels': ('udacity', {'normalization': 'spectral_channels', 'rgb_channels': 1}),
  'cut': ('cut', {}),
  'deep': ('pix2pix', {'n_downsampling': 6, 'norm': 'instance', 'upsampling': 'resize'}),
}


def needs(package):
  return pytest.importorskip(package, reason=f'pip install {package}')


@pytest.fixture(params=list(RUNTIMES))
def form(request):
  needs(RUNTIMES[request.param])
  return request.param


def written(made, form, path, direction='rgb_to_ir', limit=255):
  """What a file computes, and the model in float32 that it has to agree with."""
  plain = export.in_float32(made)
  module = export.load_format(form)
  module.write(path, Program(plain, direction, limit), {})
  return module.load(path), plain


@pytest.mark.parametrize('case', CASES)
def test_files_agree_with_the_model(form, case, tmp_path):
  preset, settings = CASES[case]
  made = model(preset, **settings)
  for direction in made.translators:
    run, plain = written(made, form, tmp_path / 'file', direction)
    source, target = (plain.domains[name] for name in direction.split('_to_'))
    batch = np.stack([picture(37, 53, source.channels, seed=i) for i in range(3)])
    got = run(batch)
    assert got.shape == (3, 37, 53, target.channels) and got.dtype == np.uint8
    # One by one: what an image becomes does not depend on its batch.
    want = np.stack([plain.translate(image, direction) for image in batch])
    apart = np.abs(got.astype(int) - want)
    assert apart.max() <= 1 and (apart > 0).mean() < 0.01
    assert np.ptp(want) > 20


@pytest.mark.parametrize('settings', [{}, dict(norm='instance', generator='unet')])
def test_files_keep_the_mean_of_training_as_the_condition(form, settings, tmp_path):
  told = condition.of_kind('quantiles').measured(np.array([[-0.2, 0.6], [0.1, 0.4]], np.float32))
  made = model('demo_cyclegan', condition='quantiles', told=told, n_downsampling=3, **settings)
  run, plain = written(made, form, tmp_path / 'file')
  image = picture(37, 53)
  got, want = run(image[np.newaxis])[0], plain.translate(image)
  assert np.abs(got.astype(int) - want).max() <= 1
  other = plain.translate(image, condition=told.command({'median': -0.9}))
  assert np.abs(got.astype(int) - other).max() > 3


@pytest.mark.parametrize(
  'settings', [dict(output_layers='classes'), dict(condition='class_temperatures')]
)
def test_files_take_layers_beside_the_image(form, settings, tmp_path):
  shape = dict(n_downsampling=3, image_size=(64, 64), ir_channels=3, inputs='depth,rgb,labels')
  classes, told = ('sky', 'road'), None
  if 'condition' in settings:
    of_classes = condition.of_kind('class_temperatures', classes)
    told = of_classes.measured(np.array([[-0.8, 0.7, 1, 1]], np.float32))
  made = model('regression', told=told, classes=classes, **shape, **settings)
  run, plain = written(made, form, tmp_path / 'file')
  rng, batch = np.random.default_rng(0), np.stack([picture(37, 53, seed=i) for i in range(2)])
  layers = {
    'depth': rng.choice(np.array([0, 10, 700, 30_000, 65_535], np.uint16), batch.shape[:3]),
    'labels': rng.choice(np.array([0, 1, 255], np.uint8), batch.shape[:3]),
  }
  got, want = run(batch, **layers), plain.translate(batch, layers=layers)
  assert got.shape == (2, 37, 53, 3) and np.abs(got.astype(int) - want).max() <= 1
  for name in layers:
    other = run(batch, **{**layers, name: layers[name][:, ::-1]})
    assert np.abs(got.astype(int) - other).max() > 3
  bare = Example('a', batch[0])
  if form == 'onnx':  # The other one would compile for each size.
    scene = bare._replace(layers={name: x[0] for name, x in layers.items()})
    assert check.compare(run, Program(plain, 'rgb_to_ir', 255), [scene]).largest <= 1
  checked = dict(bits=8, examples=[bare], checkpoint='best')
  with pytest.raises(UserError, match='a: an image file alone, and .* depth and labels of a scene'):
    export.export(made, 'rgb_to_ir', form, tmp_path / 'other', **checked)


@pytest.mark.parametrize('settings', [{}, {'normalization': 'emsn'}])
def test_sixteen_bits_in_and_out(form, settings, tmp_path):
  run, plain = written(
    model(ir_max=65535.0, rgb_max=65535.0, **settings), form, tmp_path / 'file', limit=65535
  )
  image = picture(20, 30, dtype=np.uint16)
  got, want = run(image[np.newaxis])[0], plain.translate(image)
  assert got.dtype == np.uint16
  assert np.abs(got.astype(int) - want).max() <= check.TOLERANCES[65535]


def test_sixteen_bits_out_of_a_model_of_eight(form, tmp_path):
  made, image = model(normalization='emsn'), picture(20, 30)
  deep = written(made, form, tmp_path / 'file', limit=65535)[0](image[np.newaxis])[0]
  eight = export.in_float32(made).translate(image)
  assert deep.dtype == np.uint16 and len(np.unique(deep)) > len(np.unique(eight))
  np.testing.assert_allclose(deep / 257, eight, atol=0.51)


def test_one_pixel(form, tmp_path):
  run, plain = written(model(), form, tmp_path / 'file')
  pixel = np.uint8([[[200, 10, 99]]])
  np.testing.assert_allclose(run(pixel[np.newaxis])[0], plain.translate(pixel), atol=1)


@pytest.mark.slow
def test_export_writes_and_reports(form, tmp_path):
  output, said = tmp_path / 'sub' / 'file', []
  made = model(precision='bfloat16', ir_range='-20:120,degC', normalization='spectral_channels')
  found = export.export(
    made,
    'rgb_to_ir',
    form,
    output,
    bits=8,
    log=said.append,
    examples=[Example('a', picture(40, 60)), Example('b', picture(24, 80, dtype=np.uint16))],
    checkpoint='best',
  )
  # Whole, and as batches of three of 24x53 and of 1x1.
  assert found.n == 40 * 60 + 24 * 80 + 3 * 24 * 53 + 3 and found.largest <= 1
  assert 'computes in bfloat16' in said[0] and 'largest difference' in said[-1]
  if form == 'onnx':
    import onnx

    facts = {p.key: p.value for p in onnx.load(output).metadata_props}
  else:
    facts = json.loads(zipfile.ZipFile(output).read('metadata.json'))
  assert facts['ir_range'] == '-20:120,degC' and facts['rgb_band'] == '380-750 nm'
  assert facts['step'] == '7' and facts['preset'] == 'udacity' and facts['direction'] == 'rgb_to_ir'
  assert facts['input'] == 'rgb, uint8 [batch, height, width, 3], 0..255'
  assert json.loads(facts['settings'])['precision'] == 'bfloat16'
  assert 'someone' not in ''.join(facts.values())
  assert [file.name for file in output.parent.iterdir()] == ['file']


def test_a_file_that_differs_is_not_kept(tmp_path, monkeypatch):
  needs('flatbuffers')
  output, form = tmp_path / 'file', export.load_format('stablehlo')
  load = form.load
  monkeypatch.setattr(form, 'load', lambda file: lambda pixels: load(file)(pixels) ^ 2)
  output.write_text('earlier')
  with pytest.raises(UserError, match='largest difference [23] of 255.*allowed is 1'):
    export.export(
      model(),
      'rgb_to_ir',
      'stablehlo',
      output,
      bits=0,
      log=lambda line: None,
      examples=[Example('a', picture(20, 20))],
      checkpoint='best',
      overwrite=True,
    )
  assert output.read_text() == 'earlier' and len(list(tmp_path.iterdir())) == 1


def test_images_of_one_value_prove_nothing_with_instance_norm(tmp_path):
  program = Program(export.in_float32(model('cyclegan')), 'rgb_to_ir', 255)
  wrong = lambda batch: np.zeros((*batch.shape[:3], 1), np.uint8)
  with pytest.raises(UserError, match='has a single value.*--check_images'):
    check.compare(wrong, program, [Example('a', np.full((20, 20, 3), 9, np.uint8))])
  assert check.compare(wrong, program, [Example('a', picture(20, 20))]).largest > 1


def test_stablehlo_does_not_round_factors_on_other_platforms(tmp_path):
  needs('flatbuffers')
  written(model('cyclegan'), 'stablehlo', tmp_path / 'file')
  with zipfile.ZipFile(tmp_path / 'file') as archive:
    exported = jax.export.deserialize(bytearray(archive.read('program')))
  assert {'cpu', 'cuda'} <= set(exported.platforms)
  text = exported.mlir_module()
  assert text.count('stablehlo.convolution') and 'DEFAULT' not in text
  assert text.count('HIGHEST, HIGHEST') or text.count('HIGHEST>, #stablehlo<precision HIGHEST')


def test_onnx_says_its_version_and_free_sizes(tmp_path):
  onnx = needs('onnx')
  needs('onnxruntime')
  written(model(), 'onnx', tmp_path / 'file')
  loaded = onnx.load(tmp_path / 'file')
  assert [(entry.domain, entry.version) for entry in loaded.opset_import] == [('', 17)]
  for value in (loaded.graph.input[0], loaded.graph.output[0]):
    assert [d.dim_param for d in value.type.tensor_type.shape.dim[:3]] == [
      'batch',
      'height',
      'width',
    ]


@pytest.mark.parametrize('case', ['udacity', 'cyclegan', 'deep', 'emsn'])
def test_onnx_means_the_same_to_the_standards_own_evaluator(case, tmp_path):
  reference = needs('onnx.reference')
  needs('onnxruntime')
  preset, settings = CASES[case]
  run, _ = written(model(preset, **settings), 'onnx', tmp_path / 'file')
  batch = picture(9, 7)[np.newaxis]
  (want,) = reference.ReferenceEvaluator(str(tmp_path / 'file')).run(None, {'pixels': batch})
  np.testing.assert_allclose(run(batch), want, atol=1)


def test_every_generator_is_known_to_onnx():
  needs('onnx')
  needs('onnxruntime')
  from cyclegan_jax.inference.export import onnx

  assert set(onnx.GENERATORS) == {
    *generators.GENERATORS.values(),
    TwoStageGenerator,
    LayeredGenerator,
    ExemplarGenerator,
  }


def test_missing_packages_are_named(monkeypatch):
  monkeypatch.setattr(export.importlib.util, 'find_spec', lambda name: None)
  with pytest.raises(UserError, match='needs onnx and onnxruntime.*pip install onnx onnxruntime'):
    export.load_format('onnx')


def test_a_resnet_that_is_too_deep_is_refused(tmp_path):
  needs('flatbuffers')
  with pytest.raises(UserError, match='--n_downsampling=5.*cannot be exported'):
    export.export(
      model('cyclegan', n_downsampling=5, base_width=2),
      'rgb_to_ir',
      'stablehlo',
      tmp_path / 'file',
      bits=0,
      examples=[],
      checkpoint='best',
    )
