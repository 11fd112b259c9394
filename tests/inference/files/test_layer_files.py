"""Layers of images to translate: found by name, read as data sets have them, shown to networks."""

import dataclasses

import numpy as np
import PIL.Image
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.data import pipeline
from cyclegan_jax.data.planes import Inputs
from cyclegan_jax.data.source import Split
from cyclegan_jax.errors import UserError
from cyclegan_jax.evaluation import measure
from cyclegan_jax.image_files import images
from cyclegan_jax.inference import translate
from cyclegan_jax.inference.canvases import Canvas
from cyclegan_jax.inference.files import inputs, layer_files, outputs
from cyclegan_jax.inference.model import Model
from cyclegan_jax.inference.scene import Scene
from cyclegan_jax.inference.tiling.padded import Padded
from cyclegan_jax.models import apply, networks
from cyclegan_jax.settings import ModelConfig
from tests.data import test_labels
from tests.inference import made_up

ALL = ('rgb', 'depth', 'labels')
# Hundredths of a meter for each class, 0 where there is none.
DEPTHS = np.zeros(256, np.uint16)
DEPTHS[:3] = 70, 1_234, 65_535


class Weighted:
  """Mixes what it sees, pixel by pixel, each channel with another weight."""

  params, batch_stats = {'a': np.arange(3.0)}, {}

  def __init__(self):
    self.seen = []

  def __call__(self, x):
    self.seen.append(x)
    return np.tanh(x @ np.linspace(0.3, 0.9, x.shape[-1], dtype=np.float32)[:, None])


def made(kinds):
  """A model that sees these kinds of planes, and labeled data with depth that it may see."""
  size = dict(image_size=test_labels.SIZE, load_size=(0, 0), n_downsampling=3, base_width=4)
  config = config_lib.make('regression', dataset='x', inputs=','.join(kinds), **size)
  plain = test_labels.dataset()
  records = [
    {**record, 'depth': DEPTHS[images.read_indices(record['labels'])]}
    for record in plain.splits['train'].rgb
  ]
  split = {'train': Split('train', records, records, True)}
  dataset = dataclasses.replace(plain, splits=split, has_depth=True).with_inputs(config.model)
  return Model(config, 7, dataset.domains, {'rgb_to_ir': Weighted()}), dataset


def write(folder, examples):
  """Writes examples as a user has them: photographs, depth in millimeters, and labels."""
  for i, example in enumerate(examples):
    meters = np.where(example['depth'] == 65_535, np.inf, example['depth'] / 100)
    for kind, array in (('rgb', example['rgb']), ('labels', example['labels'])):
      (folder / kind / 's').mkdir(parents=True, exist_ok=True)
      PIL.Image.fromarray(array).save(folder / kind / f's/{i}.png')
    (folder / 'depth/s').mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(np.float32(meters * 1000)).save(folder / f'depth/s/{i}.tif')
  return folder


def translated(model, folder, output, given=('rgb',), **options):
  """Failures of the files of a folder."""
  seeing, kinds = model.config.model, model.config.model.input_kinds
  names = [folder / kind if kind in kinds else '' for kind in ('depth', 'labels')]
  layers = layer_files.parse(*map(str, names), 'mm' if 'depth' in kinds else None)
  options = outputs.OutputOptions(output, **options)
  plan = translate.planned(seeing, [str(folder / name) for name in given], options, True, layers)
  translator = outputs.FileTranslator(model, options, {}, layers=layers)
  return translate.translate_files(translator, plan.jobs, lambda line: None)


@pytest.mark.parametrize('kinds', [ALL, ('labels', 'depth'), ('rgb', 'labels'), ('rgb',)])
def test_translated_files_equal_what_an_evaluation_measures(kinds, tmp_path):
  model, dataset = made(kinds)
  examples = list(pipeline.pixels(dataset, 'train', model.config.data))
  batch = {key: np.stack([one[key] for one in examples]) for key in ('rgb', 'depth', 'labels')}
  predicted = measure.predictor(Weighted(), model.domains)(batch)
  expected = model.domains['ir'].quantize(predicted)
  folder = write(tmp_path, examples)
  assert translated(model, folder, tmp_path / 'ir', ('rgb',) if 'rgb' in kinds else ()) == []
  for i, image in enumerate(expected):
    np.testing.assert_array_equal(images.read_image(tmp_path / f'ir/s/{i}.png'), image)
  assert expected.std() > 5


def test_layers_shrink_to_the_size_of_training_without_mixing_values(tmp_path):
  model, dataset = made(ALL)
  examples = list(pipeline.pixels(dataset, 'train', model.config.data))
  folder = write(tmp_path, examples)
  small = dataclasses.replace(model.config.data, image_size=(12, 16))
  model = dataclasses.replace(model, config=dataclasses.replace(model.config, data=small))
  assert translated(model, folder, tmp_path / 'ir', at_training_size=True) == []
  seen = np.concatenate(model.translators['rgb_to_ir'].seen)[:, :12, :16]
  for row, example in zip(seen, examples):
    # Of two pixels, the later one has its center nearer to the center of both.
    layers = {key: example[key][1::2, 1::2] for key in ('depth', 'labels')}
    expected = model.domains['rgb'].inputs.seen(row[..., :3], layers)
    np.testing.assert_allclose(row, expected, atol=1e-6)
  assert images.read_image(tmp_path / 'ir/s/0.png').shape == (*test_labels.SIZE, 1)


def test_parts_of_a_padded_scene_are_parts_of_the_whole():
  model, dataset = made(ALL)
  example = pipeline.pixels(dataset, 'train', model.config.data)[0]
  layers = {key: example[key][:21] for key in ('depth', 'labels')}
  padded = Padded(example['rgb'][:21], model.domains['rgb'], 32, layers)
  whole = padded.whole()
  assert whole.shape == (1, 32, 32, 7)
  np.testing.assert_array_equal(whole[:, 21:], whole[:, 20:9:-1])
  np.testing.assert_array_equal(padded.crop(slice(8, 24), slice(4, 20)), whole[:, 8:24, 4:20])


@pytest.mark.slow
def test_tiles_and_canvases_show_the_same_as_whole_images():
  fake, dataset = made(ALL)
  domains, config = fake.domains, fake.config.model
  arrays = networks.initialize(config, domains, 0)
  generators = apply.translators(networks.build(config, domains), *arrays)
  model = dataclasses.replace(fake, translators=generators)
  example = pipeline.pixels(dataset, 'train', fake.config.data)[0]
  layers = {key: example[key].repeat(8, 0).repeat(6, 1) for key in ('depth', 'labels')}
  image = made_up.picture(192, 192)
  alone = model.translate(image, layers=layers, tile=0, bits=16).astype(int)
  cut = model.translate(image, layers=layers, tile=128, overlap=96, bits=16)
  # Of 65535.
  assert abs(cut - alone).max() <= 2 and alone.std() > 100
  other = layers | {'labels': (layers['labels'] + 1) % 3}
  assert abs(model.translate(image, layers=other, tile=0, bits=16) - alone).max() > 100
  small = Scene(image[:50, :90], {key: plane[:50, :90] for key, plane in layers.items()})
  canvas = Canvas((192, 224), 2, mixed=True)
  together = model.translate_on(canvas, [Scene(image, layers), small], bits=16)
  own = model.translate(small.pixels, layers=small.layers, bits=16).astype(int)
  assert abs(together[0] - alone).max() <= 2 and abs(together[1] - own).max() <= 2


def test_files_that_do_not_fit_are_named_and_the_others_translated(tmp_path):
  model, dataset = made(ALL)
  folder = write(tmp_path, pipeline.pixels(dataset, 'train', model.config.data))
  ones = np.ones(test_labels.SIZE, np.uint8)
  (folder / 'labels/s/0.png').unlink()
  PIL.Image.fromarray(ones[1:]).save(folder / 'labels/s/1.png')
  PIL.Image.fromarray(7 * ones).save(folder / 'labels/s/2.png')
  PIL.Image.fromarray(200 * ones).save(folder / 'depth/s/3.tif')
  PIL.Image.fromarray(np.float32(3 * ones)).save(folder / 'depth/s/4.tif')
  failures = translated(model, folder, tmp_path / 'ir')
  assert [file.name for file in (tmp_path / 'ir/s').iterdir()] == ['5.png']
  for failure, words in zip(
    sorted(failures, key=lambda text: text.index('/s/') and text[text.index('/s/') + 3]),
    [
      f'rgb/s/0.png: no label image of this name in --label_dir={folder}/labels',
      'labels/s/1.png has 32x23 pixels, but .*rgb/s/1.png has 32x24',
      'labels/s/2.png has class 7, but this model knows the classes 0 to 2: road, car, person',
      r'depth/s/3.tif: 1 channel\(s\) of 8 bits',
      'depth/s/4.tif: all is within 0.01 m with --depth_unit=mm',
    ],
    strict=True,
  ):
    with pytest.raises(UserError, match=words):
      raise UserError(failure)


@pytest.mark.parametrize(
  'seen, given, flags, words',
  [
    ('rgb', ['a'], ('d', ''), '--depth_dir=.*this model sees rgb .*Leave --depth_dir out'),
    ('rgb,labels', ['a'], ('', ''), '--label_dir is missing: this model sees rgb,labels'),
    ('rgb,depth', ['a'], ('', ''), '--depth_dir is missing'),
    ('rgb,depth', [], ('d', ''), '--input is missing'),
    ('labels,depth', ['a'], ('d', 'l'), 'Leave --input out: the files of --label_dir are trans'),
    ('rgb,depth', ['a'], ('no', ''), '--depth_dir=.*no does not exist'),
    ('rgb,labels', ['a'], ('', 'l', 'm'), '--depth_unit=m is for --depth_dir'),
    ('rgb,depth', ['a'], ('d', '', 'inch'), '--depth_unit=inch: expected mm, cm, m'),
    ('rgb,depth', ['a'], ('other', ''), 'none of its 1 images, such as .*x.png, has the name'),
    ('rgb,depth', ['a'], ('note', ''), 'expected images .*, found 1 .txt'),
    ('rgb,depth', ['a'], ('d/1.png', ''), 'd/1.png is one file, for 2 images'),
    ('rgb,depth', ['a'], ('flat', ''), r'flat/1.png has the name of both .*a/1.png and .*n/1.png'),
    ('rgb,depth', ['a/1.png'], ('twice', ''), 'twice/1.png and .*twice/1.tif both have the name'),
    ('rgb,depth', ['a'], ('a/n', ''), 'is among the images of --input'),
    ('rgb,depth', ['v.mp4'], ('d', ''), 'v.mp4 is a video, and videos have no depth'),
    ('labels', [], ('', 'note'), '--label_dir=.* holds no images'),
    ('labels', [], ('', 'd'), '--output=.*lies inside --label_dir'),
  ],
)
def test_flags_that_do_not_fit_are_refused(seen, given, flags, words, tmp_path):
  for name in ('a/1.png', 'a/n/1.png', 'd/1.png', 'd/n/1.png', 'l/1.png', 'other/x.png', 'v.mp4'):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b'x')
  for name in ('flat/1.png', 'twice/1.png', 'twice/1.tif', 'note/1.txt'):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b'x')
  places = [str(tmp_path / name) if name else '' for name in flags[:2]]
  options = outputs.OutputOptions(tmp_path / ('d/out' if flags == ('', 'd') else 'out'))
  names = [str(tmp_path / name) for name in given]

  def plan():
    layers = layer_files.parse(*places, *flags[2:])
    translate.planned(ModelConfig(inputs=seen), names, options, True, layers)

  with pytest.raises(UserError, match=words):
    plan()


def test_the_gray_control_needs_photographs(tmp_path):
  layers = layer_files.LayerFiles({'labels': tmp_path})
  options = outputs.OutputOptions(tmp_path.parent / 'out', gray_control=tmp_path.parent / 'gray')
  with pytest.raises(UserError, match='--gray_control writes the luminance .*sees labels'):
    translate.planned(ModelConfig(inputs='labels'), [], options, True, layers)


@pytest.mark.parametrize('unit, scale', [('mm', 1000), ('cm', 100), ('m', 1)])
def test_depth_is_read_in_its_unit(unit, scale, tmp_path):
  meters = np.array([[0.01, 0.5, 2.3, 60, 640, 900, np.inf, np.nan, 0, -1]])
  expected = [[1, 50, 230, 6_000, 64_000, 65_535, 65_535, 0, 0, 0]]
  PIL.Image.fromarray(np.float32(meters * scale)).save(tmp_path / 'a.tif')
  whole = np.array([[0, 1, 40, 65_535]], np.uint16)
  PIL.Image.fromarray(whole).save(tmp_path / 'b.png')
  layers = layer_files.LayerFiles({'depth': tmp_path}, unit)
  read = lambda name: layers.read(Inputs(('rgb', 'depth')), {'depth': tmp_path / name}, 'x')
  np.testing.assert_array_equal(read('a.tif')['depth'], expected)
  steps = np.minimum(np.maximum(np.rint(whole * (100 / scale)), whole > 0), 65_535)
  np.testing.assert_array_equal(read('b.png')['depth'], steps)


def test_pictures_alone_are_refused():
  model, _ = made(('rgb', 'labels'))
  with pytest.raises(UserError, match='a.png: this model sees rgb, labels of a scene .*no labels'):
    model.translate(made_up.picture(32, 32), name='a.png')
  picture, labels = made_up.picture(32, 32), np.zeros((2, 32, 32), np.uint8)
  for wrong in (labels, labels[0, :9]):
    with pytest.raises(ValueError, match='expected labels of'):
      model.translate(picture, layers={'labels': wrong})
  with pytest.raises(ValueError, match='this model sees images alone'):
    made(('rgb',))[0].translate(picture, layers={'labels': labels[0]})


def test_names_are_those_of_images_without_extensions(tmp_path):
  for name in ('p/day/1.jpg', 'p/day/2.x.jpg', 'd/deep/day/1.tif', 'd/deep/day/2.x.png'):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b'x')
  layers = layer_files.LayerFiles({'depth': tmp_path / 'd'})
  model, output = ModelConfig(inputs='rgb,depth'), tmp_path / 'out'
  for given in ('p', 'p/day', 'p/*/*.jpg'):
    jobs = layers.of_jobs(inputs.plan([str(tmp_path / given)], output).jobs, model)
    found = {job.source.name: job.layers['depth'].name for job in jobs}
    assert found == {'1.jpg': '1.tif', '2.x.jpg': '2.x.png'}
  assert layers.of_one(tmp_path / 'p/day/1.jpg', model) == {'depth': tmp_path / 'd/deep/day/1.tif'}
  with pytest.raises(UserError, match='--depth_dir=.* is a folder. With - as'):
    layers.of_one(b'x', model)
