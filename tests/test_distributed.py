"""What a process shares with others, and that it shares nothing alone."""

import pytest

from cyclegan_jax import distributed


def test_alone_nothing_is_shared():
  assert not distributed.joined() and distributed.is_first()
  assert distributed.share([1, 2, 3]) == [1, 2, 3]
  assert distributed.gather('a') == ['a'] and distributed.broadcast('a') == 'a'
  assert distributed.first_alone(lambda: 5, 'test') == 5
  distributed.barrier('test')
  distributed.agree('settings', {'a': 1})


@pytest.mark.parametrize('n', [0, 1, 5, 6, 7])
def test_interleave_inverts_share(monkeypatch, n):
  parts = []
  for index in range(3):
    monkeypatch.setattr(distributed, 'index_and_count', lambda index=index: (index, 3))
    parts.append(distributed.share(list(range(n))))
  assert distributed.interleave(parts) == list(range(n))
  assert max(map(len, parts)) - min(map(len, parts)) <= 1
