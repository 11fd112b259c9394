"""Images on which an exported file is compared with its model."""

from collections.abc import Sequence
import pathlib
from typing import TYPE_CHECKING

from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig

if TYPE_CHECKING:
  from cyclegan_jax.inference.export.check import Example


def examples(
  workdir: pathlib.Path, data: DataConfig, direction: str, folder: pathlib.Path | None
) -> Sequence['Example']:
  """Returns images of a folder, or without one, of the test split of a run.

  Args:
    workdir: the run folder.
    data: the settings of its data, as they are found now.
    direction: 'rgb_to_ir' or 'ir_to_rgb'.
    folder: of images, the value of --check_images.

  Raises:
    UserError: there are no images, or they are not those of the run.
  """
  from cyclegan_jax.inference.export import check
  from cyclegan_jax.runs import published, run_folder
  import datasets
  from datasets import registry

  if folder:
    return check.examples_from_folder(folder)
  # Nobody has prepared the data of a published model yet, and a few images are enough.
  fewest = registry.without_extra(data) if published.is_in(workdir) else data
  try:
    dataset = datasets.open_dataset(fewest, run_folder.prepared(workdir))
    if fewest == data:
      run_folder.check_data(workdir, dataset)
  except UserError as error:
    raise UserError(
      f"The file is checked on images of the run's test split, but: {error}\nOr check it on other "
      'images: --check_images=FOLDER.'
    ) from error
  return check.examples_from_dataset(dataset, direction.split('_to_')[0])
