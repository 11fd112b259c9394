"""A comparison that has been made, as experiments.compare left it in its folder."""

from collections.abc import Mapping, Sequence
import dataclasses
import pathlib
from typing import Any

from cyclegan_jax.comparison import answers, tables
from cyclegan_jax.runs import run_folder, shown

JSON = 'comparison.json'


@dataclasses.dataclass(frozen=True)
class Comparison:
  """The figures of several models, and what they show.

  Attributes:
    folder: of the comparison.
    content: of comparison.json.
  """

  folder: pathlib.Path
  content: Mapping[str, Any]

  @property
  def table(self) -> list[list[str]]:
    """The models, mean ± standard deviation over seeds, beside trivial baselines; header first."""
    return tables.models_table(self.content)

  @property
  def sentences(self) -> Sequence[str]:
    """What the comparisons show, and what they do not."""
    return answers.sentences(self.content)

  def _repr_html_(self) -> str:
    comparisons = tables.comparisons_table(self.content, primary=True)
    parts = [shown.table(self.table)]
    parts += [shown.table(comparisons)] if len(comparisons) > 1 else []
    return '\n'.join([*parts, *map(shown.paragraph, self.sentences)])


def read(folder: pathlib.Path) -> Comparison:
  """Reads a comparison; UserError if there is none in the folder."""
  return Comparison(folder, run_folder.read_json(folder / JSON))
