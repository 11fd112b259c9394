"""The command that serves the try-out page, with an untrained model."""

import io
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request

import numpy as np
import PIL.Image
import pytest

from tests.command_line import command, fails

pytest.importorskip('starlette', reason='needs the extra app')
pytest.importorskip('uvicorn', reason='needs the extra app')


def ask(address, body):
  """Status and body of the answer to an image."""
  request = urllib.request.Request(
    address + 'translate', body, {'Content-Type': 'application/octet-stream'}
  )
  try:
    with urllib.request.urlopen(request, timeout=60) as answer:
      return answer.status, answer.read()
  except urllib.error.HTTPError as error:
    return error.code, error.read()


def test_it_serves_until_ctrl_c(untrained):
  arguments, options = command(
    'demo_app',
    f'--workdir={untrained}',
    '--port=0',
    '--max_megapixels=1',
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )
  with subprocess.Popen(arguments, **options) as process:
    line = process.stdout.readline()
    address = re.search(r'http://127\.0\.0\.1:\d+/', line).group()
    with urllib.request.urlopen(address) as page:
      assert '<h1>run: RGB to IR</h1>' in page.read().decode()
    buffer = io.BytesIO()
    PIL.Image.new('RGB', (33, 21), (9, 99, 199)).save(buffer, 'JPEG')
    status, body = ask(address, buffer.getvalue())
    image = PIL.Image.open(io.BytesIO(body))
    assert status == 200 and image.size == (33, 21) and image.mode == 'L'
    buffer = io.BytesIO()
    PIL.Image.fromarray(np.zeros((1500, 1500), np.uint8)).save(buffer, 'PNG')
    status, body = ask(address, buffer.getvalue())
    assert status == 422 and b'1500x1500 pixels, 2 megapixels. This page takes up to 1.' in body
    port = re.search(r':(\d+)/', address).group(1)
    assert 'cannot be used' in fails('demo_app', f'--workdir={untrained}', f'--port={port}')
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=60)
  assert process.returncode == 0 and said.endswith('Ended.\n') and errors == ''


def test_mistakes(untrained, tmp_path):
  assert '--workdir is missing' in fails('demo_app')
  assert 'not a run folder' in fails('demo_app', f'--workdir={tmp_path}', '--port=0')
  assert 'checkpoint' in fails('demo_app', f'--workdir={untrained}', '--port=0', '--checkpoint=7')
  assert 'port' in fails('demo_app', f'--workdir={untrained}', '--port=70000')
  assert '--host=no.such.host.invalid' in fails(
    'demo_app', f'--workdir={untrained}', '--host=no.such.host.invalid'
  )


def test_an_open_address_is_warned_of(untrained):
  arguments, options = command(
    'demo_app',
    f'--workdir={untrained}',
    '--port=0',
    '--host=0.0.0.0',
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )
  with subprocess.Popen(arguments, **options) as process:
    address = re.search(r':(\d+)/', process.stdout.readline()).group(1)
    request = urllib.request.Request(
      f'http://127.0.0.1:{address}/', headers={'Host': socket.gethostname()}
    )
    with urllib.request.urlopen(request) as page:
      assert page.status == 200
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
  assert 'warning: --host=0.0.0.0' in errors and 'no password' in errors
