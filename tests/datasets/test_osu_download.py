"""Downloading OSU Color-Thermal from a server on this machine that behaves well or badly."""

import collections
import http.server
import os
import pathlib
import threading
import time

import pytest
import tensorflow_datasets as tfds

from cyclegan_jax import errors
from datasets.osu import download, osu_dataset_builder as osu
from tests.datasets.test_osu import put, tree, unpacked

PARTS = [s + letter for s in '123456' for letter in 'ab']
INSTRUCTIONS = r'[\s\S]*Download 1a\.zip to 6a\.zip'


class Server(http.server.ThreadingHTTPServer):
  """Serves the published zips, and counts what it is asked for.

  Attributes:
    zips: '1a.zip' and so on -> content.
    bad: '1a.zip' and so on -> what is to go wrong, one for each request.
    asked: names of zips in the order of requests.
  """

  def __init__(self, zips):
    super().__init__(('127.0.0.1', 0), Handler)
    self.zips = zips
    self.bad = collections.defaultdict(list)
    self.asked = []
    self.released = threading.Event()

  def handle_error(self, request, client_address):
    del request, client_address  # The client went away.


class Handler(http.server.BaseHTTPRequestHandler):
  """Answers with the zip or with what is to go wrong."""

  def do_GET(self):
    name = self.path.removeprefix('/Data/03/')
    self.server.asked.append(name)
    data = self.server.zips[name]
    bad = self.server.bad[name].pop(0) if self.server.bad[name] else 'nothing'
    if isinstance(bad, int):
      self.send_error(bad)
    elif bad == 'page':
      self.answer(b'<html>Please log in.</html>', {'Content-Type': 'text/html'})
    elif bad == 'no length':
      self.answer(data, {})
    elif bad == 'cut off':
      self.answer(data[:-100], {'Content-Length': str(len(data))})
    elif bad == 'half a chunk':
      self.answer(b'ffff\r\n' + data[:100], {'Transfer-Encoding': 'chunked'})
    elif bad == 'damaged':
      self.answer(data[:-100], {'Content-Length': str(len(data) - 100)})
    elif bad == 'silent':
      self.server.released.wait()
    elif bad != 'dropped':
      self.answer(data, {'Content-Length': str(len(data))})

  def answer(self, data, headers):
    self.send_response(200)
    for key, value in headers.items():
      self.send_header(key, value)
    self.end_headers()
    self.wfile.write(data)

  def log_message(self, *args):
    pass


@pytest.fixture(scope='module')
def zips(tmp_path_factory):
  source = put(tmp_path_factory.mktemp('published'), tree(4))
  return {path.name: path.read_bytes() for path in source.iterdir()}


@pytest.fixture
def server(zips, monkeypatch):
  monkeypatch.setenv('no_proxy', '*')
  with Server(zips) as running:
    monkeypatch.setattr(download, 'BASE_URL', f'http://127.0.0.1:{running.server_port}/Data/03/')
    thread = threading.Thread(target=running.serve_forever, kwargs={'poll_interval': 0.01})
    thread.start()
    yield running
    running.released.set()
    running.shutdown()
    thread.join()


def names(folder):
  return sorted(path.name for path in folder.iterdir())


def test_all_zips_are_downloaded_once(server, zips, tmp_path, capfd):
  source = download.default_source(tmp_path)
  assert source == tmp_path / 'downloads' / 'osu'
  assert {path.name: path.read_bytes() for path in source.iterdir()} == zips
  assert server.asked == [f'{part}.zip' for part in PARTS]
  progress = capfd.readouterr().out
  assert 'Downloading 1a.zip (1 of 12)' in progress and '6b.zip (12 of 12)' in progress
  assert len(osu.osu_config(source).pairs) == 24
  download.default_source(tmp_path)
  assert len(server.asked) == 12


def test_what_is_there_is_kept(server, zips, tmp_path):
  there = tree(6, parts=['1a']) | unpacked(tree(6, parts=['2b'])) | {'1b.zip/frame.tif': b'x'}
  put(tmp_path, there)
  kept = (tmp_path / '1a.zip').read_bytes()
  download.fetch(tmp_path)
  assert server.asked == [f'{part}.zip' for part in PARTS if part not in ('1a', '1b', '2b')]
  assert (tmp_path / '1a.zip').read_bytes() == kept != zips['1a.zip']


@pytest.mark.parametrize(
  'bad, requests, message',
  [
    (403, 1, 'HTTP 403 Forbidden'),
    (404, 1, 'HTTP 404 Not Found'),
    (500, 1, 'HTTP 500'),
    ('page', 1, 'is not a zip file but text/html'),
    ('damaged', 1, 'is not a zip file'),
    ('cut off', 2, r'broke off twice, at last after \d+ of \d+ bytes'),
    ('half a chunk', 2, 'broke off twice, at last with IncompleteRead'),
    ('dropped', 2, 'no answer, asked twice'),
  ],
)
def test_the_first_refusal_ends_it_and_the_next_run_goes_on(
  bad, requests, message, server, zips, tmp_path
):
  server.bad['2a.zip'] = [bad] * requests
  with pytest.raises(errors.UserError, match=f'Data/03/2a.zip: {message}{INSTRUCTIONS}') as caught:
    download.fetch(tmp_path)
  assert 'has 1a.zip, 1b.zip.' in str(caught.value)
  assert server.asked == ['1a.zip', '1b.zip'] + ['2a.zip'] * requests
  assert names(tmp_path) == ['1a.zip', '1b.zip']
  download.fetch(tmp_path)
  assert names(tmp_path) == sorted(zips)
  assert len(server.asked) == 12 + requests


@pytest.mark.parametrize('bad', ['cut off', 'dropped', 'no length'])
def test_what_breaks_off_once_is_tried_again(bad, server, zips, tmp_path):
  server.bad['1a.zip'] = [bad]
  download.fetch(tmp_path)
  assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == zips
  assert server.asked.count('1a.zip') == (1 if bad == 'no length' else 2)


def test_a_silent_server_is_given_up(server, tmp_path, monkeypatch):
  monkeypatch.setattr(download, '_TIMEOUT', 0.2)
  server.bad['1a.zip'] = ['silent'] * 2
  with pytest.raises(errors.UserError, match=r'no answer, asked twice \(timed out\)'):
    download.fetch(tmp_path)
  assert server.asked == ['1a.zip'] * 2


@pytest.mark.parametrize(
  'host, reason', [('nowhere.invalid', ''), ('127.0.0.1:1', 'Connection refused')]
)
def test_a_host_that_cannot_be_reached_is_asked_once(host, reason, tmp_path, monkeypatch):
  monkeypatch.setenv('no_proxy', '*')
  monkeypatch.setattr(download, 'BASE_URL', f'http://{host}/')
  message = rf'/1a.zip: cannot be reached \(.*{reason}.*no zip yet{INSTRUCTIONS}'
  with pytest.raises(errors.UserError, match=message):
    download.fetch(tmp_path / 'new')


def test_interruption_leaves_no_half_zip(server, tmp_path, monkeypatch):
  def interrupted(*_):
    raise KeyboardInterrupt

  with monkeypatch.context() as context:
    context.setattr(download, '_read', interrupted)
    with pytest.raises(KeyboardInterrupt):
      download.fetch(tmp_path)
  assert not names(tmp_path)
  # A killed process cannot clean up; what it left is removed when it is old.
  for name in ('1a.1.part', '1a.2.part'):
    (tmp_path / name).write_bytes(b'PK')
  yesterday = time.time() - 25 * 60 * 60
  os.utime(tmp_path / '1a.1.part', (yesterday, yesterday))
  download.fetch(tmp_path)
  assert names(tmp_path) == sorted(['1a.2.part', *(f'{part}.zip' for part in PARTS)])


def test_folder_that_cannot_be_written_is_named(tmp_path):
  (tmp_path / 'downloads').write_text('a file')
  with pytest.raises(errors.UserError, match='downloads/osu: .*another place with --data_dir'):
    download.default_source(tmp_path)


def test_default_folder_is_that_of_tfds(server, tmp_path, monkeypatch):
  monkeypatch.setattr(tfds.core.constants, 'DATA_DIR', str(tmp_path / 'tfds'))
  assert download.default_source() == tmp_path / 'tfds' / 'downloads' / 'osu'
  assert len(server.asked) == 12


def test_builder_by_name_downloads(server, tmp_path):
  other = put(tmp_path / 'other', {'readme.txt': b'of another data set'})
  source = tfds.data_source(
    'osu/location',
    split='test',
    data_dir=tmp_path / 'data',
    download_and_prepare_kwargs={'download_config': tfds.download.DownloadConfig(manual_dir=other)},
  )
  assert len(source) == 12 and source[0]['location'] == b'2'
  assert len(server.asked) == 12
  assert download.default_source(tmp_path / 'data') == tmp_path / 'data' / 'downloads' / 'osu'
  assert len(server.asked) == 12


def test_refused_download_prepares_nothing(server, tmp_path):
  server.bad['1a.zip'] = [403]
  with pytest.raises(errors.UserError, match=f'HTTP 403 Forbidden{INSTRUCTIONS}'):
    tfds.builder('osu', data_dir=tmp_path).download_and_prepare()
  assert not pathlib.Path(tmp_path, 'osu', 'paper', '1.0.0').exists()
