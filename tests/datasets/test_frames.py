"""Splits of video frames."""

import collections

import pytest

from cyclegan_jax import errors
from datasets import frames


def ids(**counts):
  return [f'{name}/{i:05d}' for name, count in counts.items() for i in range(count)]


def test_paper_split_is_random_80_10_10():
  chosen = frames.paper_split(ids(s1=3000, s2=2000))
  counts = collections.Counter(chosen.values())
  assert sum(counts.values()) == 5000
  assert counts['train'] == pytest.approx(4000, abs=100)
  assert counts['validation'] == pytest.approx(500, abs=80)
  assert counts['test'] == pytest.approx(500, abs=80)


def test_paper_split_of_a_frame_depends_on_its_id_alone():
  some = ids(s1=50)
  chosen = frames.paper_split(some)
  assert chosen == {id_: frames.paper_split([id_])[id_] for id_ in some}
  more = frames.paper_split(some[::-1] + ids(s2=50))
  assert chosen == {id_: more[id_] for id_ in some}
  for id_, split in chosen.items():
    assert (split == 'train') == (frames.unit_hash(id_) < 0.8)


def test_many_sequences_give_a_whole_one_for_validation():
  chosen = frames.sequence_split(ids(a=30, b=20, c=10, d=15, e=40), test=['e'])
  of = collections.defaultdict(set)
  for id_, split in chosen.items():
    of[split].add(frames.sequence_of(id_))
  assert of == {'train': {'a', 'b', 'd'}, 'validation': {'c'}, 'test': {'e'}}
  assert len(chosen) == 115


@pytest.mark.parametrize(
  'length, train, validation', [(1000, 850, 100), (2000, 1740, 200), (20, 17, 2), (3, 1, 1)]
)
def test_few_sequences_give_blocks_with_a_gap(length, train, validation):
  everything = ids(a=length, b=length, c=5)
  chosen = frames.sequence_split(everything[::-1], test=['c', 'not there'])
  for name in 'ab':
    numbers = {
      split: [int(id_[2:]) for id_, s in chosen.items() if s == split and id_[0] == name]
      for split in ('train', 'validation')
    }
    assert sorted(numbers['train']) == list(range(train))
    assert sorted(numbers['validation']) == list(range(length - validation, length))
  assert sum(split == 'test' for split in chosen.values()) == 5


@pytest.mark.parametrize(
  'counts, message',
  [
    ({'a': 5}, 'sequences c are to be held out.*the data have a; expected'),
    ({'c': 5}, 'the data have c; expected some of them and others for training'),
    ({'a': 2, 'c': 5}, 'sequence a has 2 frame.*at least 3'),
  ],
)
def test_too_few_sequences_are_refused(counts, message):
  with pytest.raises(errors.UserError, match=message):
    frames.sequence_split(ids(**counts), test=['c'])
