"""Loss terms and validation metrics as CSV files."""

from collections.abc import Iterable, Mapping
import csv
import io
import pathlib
from typing import Any

from cyclegan_jax import files
from cyclegan_jax.errors import UserError
from cyclegan_jax.runs import run_folder
from cyclegan_jax.training.hooks.hook import Hook
from cyclegan_jax.training.step.state import TrainState


class CsvLog(Hook):
  """Writes metrics.csv and validation.csv; `epoch` is the second column of both."""

  def __init__(self, workdir: pathlib.Path, step: int, steps_per_epoch: int):
    """Drops rows after `step`: a resumed run writes them again."""
    self._metrics = CsvFile(workdir / run_folder.METRICS, step)
    self._validation = CsvFile(workdir / run_folder.VALIDATION, step)
    self._steps_per_epoch = steps_per_epoch

  def on_log(self, step: int, row: Mapping[str, float]) -> None:
    """Appends a row to metrics.csv."""
    self._metrics.add({**self._place(step), **row})

  def on_checkpoint(self, step: int, state: TrainState, metrics: Mapping[str, float]) -> None:
    """Appends a row to validation.csv if there are metrics."""
    if metrics:
      self._validation.add({**self._place(step), **metrics})

  def _place(self, step: int) -> dict[str, float]:
    return {'step': step, 'epoch': round(step / self._steps_per_epoch, 4)}


class CsvFile:
  """A CSV file that grows by rows, each with a `step`."""

  def __init__(self, file: pathlib.Path, last_step: int):
    """Opens the file and keeps only its rows up to and including `last_step`."""
    self._file = file
    self._columns: list[str] = []
    if file.exists():
      # After the rows of the last checkpoint anything may come: a kill cuts a row short, and after
      # a power failure there are bytes that nobody wrote.
      with file.open(newline='', errors='replace') as lines:
        reader = csv.DictReader(line for line in lines if '\0' not in line)
        rows = [row for row in reader if _is_row(row) and int(row['step']) <= last_step]
        columns = list(reader.fieldnames or [])
      self._columns = columns if 'step' in columns else []
      text = self._lines(rows, header=True) if self._columns else ''
      files.write_text(file, text, durable=True)

  def add(self, row: Mapping[str, float]) -> None:
    """Appends a row; the first one sets the columns.

    Raises:
      UserError: the file cannot be written.
    """
    header = not self._columns
    self._columns = self._columns or list(row)
    try:
      with self._file.open('a') as out:
        out.write(self._lines([row], header))
    except OSError as error:
      raise UserError(
        f'{self._file} cannot be written: {error.strerror}. The checkpoints are intact. Free some '
        'space, then resume with the same command.'
      ) from error

  def _lines(self, rows: Iterable[Mapping[str, Any]], header: bool) -> str:
    out = io.StringIO()
    # A run that an earlier version started keeps its columns.
    writer = csv.DictWriter(out, self._columns, lineterminator='\n', extrasaction='ignore')
    if header:
      writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _is_row(row: Mapping[str, Any]) -> bool:
  """Whether a row is whole, and says its step."""
  return None not in row and None not in row.values() and row.get('step', '').isdecimal()
