"""Published models, as folders and on a server that speaks the Hub's calls: whole or refused."""

import dataclasses
import json
import shutil
import sys

import numpy as np
import pytest
import safetensors.numpy

from cyclegan_jax import checksum
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference import model as model_lib
from cyclegan_jax.runs import addresses, hub, published, run_folder
from tests.inference.made_up import drawn, picture
from tests.runs import hub_server

pytest.importorskip('huggingface_hub', reason='needs the extra hub')
NAME = 'a.lab/night-1'
ADDRESS = f'hf://{NAME}'


@pytest.fixture(scope='module')
def made():
  """A model that has not been trained."""
  return drawn()


@pytest.fixture(scope='module')
def folder(made, tmp_path_factory):
  """A published folder; not to be written to."""
  run, target = tmp_path_factory.mktemp('run'), tmp_path_factory.mktemp('published')
  facts = Dataset('folder', '', 'f00d', made.domains, {}, prepared='folder/photos').facts()
  (run / run_folder.DATA).write_text(json.dumps(facts | {'prepared': 'folder/photos-1'}))
  generators = made.translators.items()
  weights = published.Weights(
    *(made.config, made.domains, made.step, made.trained_steps),
    {name: generator.params for name, generator in generators},
    {name: generator.batch_stats for name, generator in generators},
  )
  published.write(target, weights, run)
  return target


@pytest.fixture
def server(folder, tmp_path, monkeypatch):
  """A running server with the model; what is fetched goes to a folder of the test."""
  with hub_server.running() as running:
    monkeypatch.setenv('HF_ENDPOINT', running.endpoint)
    monkeypatch.setenv('HF_TOKEN', hub_server.TOKEN)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    repository = hub_server.Repository(private=True)
    content = {file.name: file.read_bytes() for file in folder.iterdir()}
    repository.commit({**content, 'README.md': b'# Night', 'pytorch_model.bin': b'pickled'})
    running.repositories[NAME] = repository
    yield running


def quiet(line):
  pass


def refused(text):
  with pytest.raises(UserError) as error:
    hub.fetch(text, quiet)
  assert not list((hub.cache()).rglob('*/*/' + '[0-9a-f]' * 40))
  return str(error.value)


def test_a_published_folder_holds_no_place_of_its_author(folder):
  texts = [file.read_text() for file in folder.glob('*.json')]
  assert not any('/home/someone' in text or 'photos' in text for text in texts)
  config = run_folder.load_config(folder)
  assert config.data.source_dir == '' and config.data.options == {'pair_table': 'pairs.csv'}
  assert {file.suffix for file in folder.iterdir()} == {'.json', '.safetensors'}


def test_a_fetched_model_translates_as_before(made, server):
  fetched = model_lib.load(ADDRESS)
  image = picture(16, 24)
  np.testing.assert_array_equal(fetched.translate(image), made.translate(image))
  commit = server.repositories[NAME].resolve('main')
  assert fetched.source == f'hf://{NAME}@{commit}' and (fetched.step, fetched.trained_steps) == (
    7,
    9,
  )
  place = hub.fetch(ADDRESS, quiet)
  # Nothing that can run code.
  assert {file.suffix for file in place.iterdir()} == {'.json', '.safetensors'}
  assert not any('pytorch_model.bin' in line for line in server.asked)


def test_a_commit_is_fetched_once(server):
  first = server.repositories[NAME].resolve('main')
  place = hub.fetch(f'{ADDRESS}@{first}', quiet)
  server.repositories[NAME].commit({**server.repositories[NAME].commits[first], 'new': b''})
  asked = len(server.asked)
  assert hub.fetch(f'{ADDRESS}@{first}', quiet) == place and len(server.asked) == asked
  assert hub.fetch(ADDRESS, quiet).name == server.repositories[NAME].resolve('main') != first


def test_without_a_connection_the_last_one_is_used(server, monkeypatch):
  monkeypatch.setenv('HF_ENDPOINT', 'http://127.0.0.1:9')
  assert 'cannot be reached' in (said := refused(ADDRESS)) and 'not been fetched before' in said
  monkeypatch.setenv('HF_ENDPOINT', server.endpoint)
  place = hub.fetch(ADDRESS, quiet)
  monkeypatch.setenv('HF_ENDPOINT', 'http://127.0.0.1:9')
  lines = []
  assert hub.fetch(ADDRESS, lines.append) == place
  assert len(lines) == 1 and place.name in lines[0] and 'cannot be reached' in lines[0]


@pytest.mark.parametrize('token, status', [('hf_wrong', '401'), ('', '401')])
def test_a_wrong_token_is_said_but_not_shown(server, monkeypatch, token, status):
  monkeypatch.setenv('HF_TOKEN', token)
  said = refused(ADDRESS)
  assert f'answers {status}' in said and 'HF_TOKEN' in said and 'hf_wrong' not in said


def test_a_file_cut_short_is_not_kept(server):
  server.cut.add(published.WEIGHTS)
  assert 'cut short' in refused(ADDRESS)
  server.cut.clear()
  assert hub.fetch(ADDRESS, quiet).is_dir()


def test_other_repositories_are_refused(server, monkeypatch):
  server.repositories['a/b'] = hub_server.Repository()
  server.repositories['a/b'].commit({'config.json': b'{}', 'pytorch_model.bin': b'x'})
  assert 'is not a model of this program' in (said := refused('hf://a/b'))
  assert 'pytorch_model.bin' in said
  assert 'answers 404' in refused('hf://a/missing')
  assert 'no such revision' in refused(f'{ADDRESS}@v9')
  for text in ('hf://a', 'hf://a/b/c', 'hf://../b', 'hf://a/b@', 'hf://a/b@../c'):
    assert 'expected hf://OWNER/NAME' in refused(text)
  monkeypatch.setattr(hub, '_FILES', {**hub._FILES, published.WEIGHTS: (10, True)})
  assert 'at most' in refused(ADDRESS)


def changed(folder, target, change):
  """A copy of a published folder in which something is changed."""
  shutil.copytree(folder, target)
  change(target)
  return target


def _cut(folder):
  file = folder / published.WEIGHTS
  file.write_bytes(file.read_bytes()[:-4])


def _with(name, **facts):
  def change(folder):
    content = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps({**content, **facts}))

  return change


def _deeper(folder):
  content = checksum.loads((folder / 'config.json').read_text())
  content['model']['n_residual_blocks'] = 10**9
  (folder / 'config.json').write_text(json.dumps(content))


def _other_arrays(change):
  def changes(folder):
    file = folder / published.WEIGHTS
    arrays = safetensors.numpy.load_file(file)
    safetensors.numpy.save_file(change(arrays), file)
    _with(published.MODEL, weights_sha256=checksum.of_file(file))(folder)

  return changes


@pytest.mark.parametrize(
  'change, words',
  [
    (_cut, 'cut short or damaged'),
    (_with(published.MODEL, program='other'), 'another kind of model'),
    (_with(published.MODEL, format=2), 'has format 2'),
    (_with(published.MODEL, step='7'), 'no step'),
    (_with(run_folder.DATA, domains={'rgb': {'max_value': 1e9}}), 'expected a max_value'),
    (lambda folder: (folder / 'data.json').write_text('[' * 10**5), 'data.json'),
    (_deeper, 'too few'),
    (_other_arrays(lambda a: {k: v[..., :1] for k, v in a.items()}), 'expected ('),
    (_other_arrays(lambda a: {k: v.astype(np.float64) for k, v in a.items()}), 'float32'),
    (_other_arrays(lambda a: {**a, 'more': np.zeros(1, np.float32)}), 'more is (1,)'),
  ],
)
def test_a_damaged_folder_is_refused_by_name(folder, tmp_path, change, words):
  target = changed(folder, tmp_path / 'changed', change)
  with pytest.raises(UserError, match='changed') as error:
    published.read(target)
  assert words in str(error.value)


def test_only_its_own_step_is_in_it(folder):
  assert published.read(folder, '7').step == 7
  for other in ('latest', '9'):
    with pytest.raises(UserError, match='only the weights of step 7'):
      published.read(folder, other)


def test_upload(folder, server, tmp_path):
  target = shutil.copytree(folder, tmp_path / 'published')
  (target / 'README.md').write_text('---\nlicense: other\n---\n')
  (target / 'old.onnx').write_bytes(b'x')
  first = hub.upload(target, 'a/new', private=True)
  assert server.repositories['a/new'].private
  (target / 'old.onnx').unlink()
  second = hub.upload(target, 'a/new', private=True)
  assert second.revision == server.repositories['a/new'].resolve('main') != first.revision
  assert 'old.onnx' not in server.repositories['a/new'].commits[second.revision]
  assert model_lib.load(str(second)).source == str(second)
  with pytest.raises(UserError, match='is private.*--private'):
    hub.upload(target, 'a/new', private=False)
  server.repositories['a/b'] = hub_server.Repository(private=True)
  server.repositories['a/b'].commit({'pytorch_model.bin': b'x'})
  with pytest.raises(UserError, match=r'something else: pytorch_model\.bin'):
    hub.upload(target, 'a/b', private=True)


def test_a_wrong_token_uploads_nothing(folder, server, monkeypatch):
  monkeypatch.setenv('HF_TOKEN', 'hf_wrong')
  with pytest.raises(UserError, match='answers 401'):
    hub.upload(folder, 'a/new', private=True)
  assert 'a/new' not in server.repositories


def test_a_missing_package_is_named(tmp_path, monkeypatch):
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
  monkeypatch.setitem(sys.modules, 'huggingface_hub.utils', None)
  for use in (lambda: hub.fetch(ADDRESS), lambda: hub.upload(tmp_path, NAME, private=True)):
    with pytest.raises(UserError, match=r'huggingface_hub: pip install -e "\.\[hub\]"'):
      use()


def test_results_go_beside_a_copy(server, tmp_path):
  place = hub.fetch(ADDRESS, quiet)
  copied = addresses.located(ADDRESS, quiet, str(tmp_path / 'runs'))
  assert copied == tmp_path / 'runs' / f'night-1_{place.name[:8]}'
  assert addresses.located(ADDRESS, quiet, str(tmp_path / 'runs')) == copied
  assert dataclasses.asdict(published.read(copied))['source'] == f'{ADDRESS}@{place.name}'
