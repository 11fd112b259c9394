"""Odd locks of a run folder; tests/training/test_survival.py has the ordinary one."""

import errno
import fcntl
import json
import os

import pytest

from cyclegan_jax.errors import UserError
from cyclegan_jax.runs import lock


@pytest.mark.parametrize('number', [errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP])
def test_a_file_system_without_locks_is_used_without(monkeypatch, tmp_path, number):
  def flock(*args):
    raise OSError(number, os.strerror(number))

  monkeypatch.setattr(fcntl, 'flock', flock)
  with lock.held(tmp_path):
    assert json.loads((tmp_path / lock.FILE).read_text())['pid'] == os.getpid()


@pytest.mark.parametrize('content', ['', '[]', '{"host": "node1"}'])
def test_an_owner_that_has_not_written_its_name_yet_is_another_process(tmp_path, content):
  with lock.held(tmp_path):
    (tmp_path / lock.FILE).write_text(content)
    with (
      pytest.raises(UserError, match=r'^--workdir=.* is in use by another process\. Wait'),
      lock.held(tmp_path),
    ):
      pass


def test_the_name_of_a_former_owner_is_replaced(tmp_path):
  (tmp_path / lock.FILE).write_text(json.dumps({'host': 'a' * 500, 'pid': 1, 'since': ''}))
  with (
    lock.held(tmp_path),
    pytest.raises(UserError, match=f'process {os.getpid()} on .*since'),
    lock.held(tmp_path),
  ):
    pass
