"""Translation of image and video files with a trained model."""

import collections
from collections.abc import Sequence
from concurrent import futures
import dataclasses
import pathlib
import time

import numpy as np

from cyclegan_jax import distributed, interruption
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import codecs, images, walk
from cyclegan_jax.image_files.decoding import Source
from cyclegan_jax.inference import (
  batches as batches_lib,
  command as command_lib,
  model as model_lib,
  style as style_lib,
  training_size,
)
from cyclegan_jax.inference.batches import Canvases, Programs, THREADS
from cyclegan_jax.inference.files import (
  annotations as annotations_lib,
  inputs as inputs_lib,
  layer_files,
  metadata,
  outputs,
  values,
)
from cyclegan_jax.inference.files.inputs import Job
from cyclegan_jax.inference.files.layer_files import LayerFiles
from cyclegan_jax.inference.files.outputs import FileTranslator, OutputOptions
from cyclegan_jax.inference.video import videos
from cyclegan_jax.progress import duration, Log, tracked
from cyclegan_jax.runs import run_folder
from cyclegan_jax.settings import ModelConfig

# Which of the many IR images of an RGB image is meant.
Asked = command_lib.Command | style_lib.Reference


def asked(temperature: str, style: str, scale_of: command_lib.ScaleOf) -> Asked | None:
  """Returns what --temperature or --style ask for; None for '' and ''.

  Raises:
    UserError: Both are given, or one has another form.
  """
  if temperature and style:
    raise UserError(
      '--temperature and --style are for different models. Give --style for one by example '
      '(--preset=exemplar), and --temperature for one that was trained with --condition.'
    )
  return command_lib.parse(temperature, scale_of) or style_lib.parse(style)


def run(
  workdir: pathlib.Path,
  inputs: Sequence[str],
  options: OutputOptions,
  *,
  checkpoint: str = 'best',
  recursive: bool = True,
  annotations: Sequence[str] = (),
  command: Asked | None = None,
  layers: LayerFiles = layer_files.NONE,
  log: Log = print,
) -> list[str]:
  """Translates files with the model of a run. Several processes share the files out.

  See `inputs.plan` for `inputs` and `recursive`, `model.load` for `checkpoint`,
  files/annotations.py for `annotations`, and command.py and style.py for `command`; without one,
  the model is told the mean of training. `layers` are those that the model sees; if it sees no RGB,
  there are no `inputs`. Only the first process logs.

  Returns:
    One message per file that could not be translated and, if there are any, their number.

  Raises:
    UserError: inputs and outputs conflict, a result of another model exists, or results cannot be
      written.
  """
  log = distributed.on_first_process(log)
  plan = planned(run_folder.load_config(workdir).model, inputs, options, recursive, layers)
  translator = _load(workdir, checkpoint, options, command, layers, log, plan.jobs)
  # One process decides what is missing: others may already be writing it.
  jobs = distributed.broadcast(check_existing(translator, plan.jobs))
  if plan.left_out:
    counts = walk.described(plan.left_out)
    log(f'Left out because they are neither images nor videos that can be read: {counts}.')
  if plan.passed_over:
    log(f'Folders of the system are passed over: {", ".join(plan.passed_over)}.')
  if len(jobs) < len(plan.jobs):
    log(f'{len(plan.jobs) - len(jobs)} of {len(plan.jobs)} exist already.')
  if distributed.is_first():
    folders = [folder for folder in (options.output, options.gray_control) if folder]
    annotations_lib.copy(annotations, plan, folders, log)
  if not options.at_training_size:
    photos = [job.source for job in jobs if not job.is_video]
    if line := training_size.note(translator.model.config.data, photos):
      log(line)
  own = translate_files(translator, distributed.share(jobs), log, among=plan.jobs)
  failures = [message for part in distributed.gather(own) for message in part]
  if failures:
    failures.append(f'{len(failures)} of {len(plan.jobs)} files could not be translated.')
  return failures


def planned(
  seeing: ModelConfig,
  inputs: Sequence[str],
  options: OutputOptions,
  recursive: bool,
  layers: LayerFiles,
) -> inputs_lib.Plan:
  """Returns the files to translate, with those of the layers that a model sees; see `run`."""
  given = layers.inputs(seeing, inputs)
  layers.check_output(options.output)
  if options.gray_control and 'rgb' not in seeing.input_kinds:
    raise UserError(
      f'--gray_control writes the luminance of RGB images, and this model sees {seeing.inputs} '
      '(--inputs). Leave it out.'
    )
  suffix, flag = inputs_lib.FORMATS[options.format], layer_files.input_flag(seeing)
  plan = inputs_lib.plan(given, options.output, recursive=recursive, suffix=suffix, flag=flag)
  return dataclasses.replace(plan, jobs=layers.of_jobs(plan.jobs, seeing))


def translate_one(
  workdir: pathlib.Path,
  source: Source,
  name: str,
  options: OutputOptions,
  checkpoint: str,
  command: Asked | None = None,
  layers: LayerFiles = layer_files.NONE,
) -> bytes:
  """Translates one image, a path or the content of a file, to the content of a file."""
  translator = _load(workdir, checkpoint, options, command, layers, print)
  own = layers.of_one(source, translator.model.config.model)
  result = translator.translate([translator.read(source, name, own).scene], name)[0]
  return outputs.encode(translator.data(result), options.format, translator.texts)


def _load(
  workdir: pathlib.Path,
  checkpoint: str,
  options: OutputOptions,
  command: Asked | None,
  layers: LayerFiles,
  log: Log,
  jobs: Sequence[Job] = (),
) -> FileTranslator:
  model = model_lib.load(workdir, checkpoint)
  texts = metadata.texts(model, workdir, options.direction, options.bits)
  if options.at_training_size:
    training_size.of_image(model.config.data, (1, 1))  # Refused before any work.
    texts['at_size'] = 'training'
  if options.keep_metadata:
    texts['location'] = 'kept'
  if options.values:
    values.check(model.config.data, options.format, jobs)
    for key in ('ir_min', 'ir_max', 'ir_unit'):  # They are for gray levels.
      texts.pop(key, None)
    texts |= values.texts(model.config.data)
  condition = command.condition(model, options.direction, log) if command else None
  if command:
    texts |= command.texts(model)
  return FileTranslator(model, options, texts, condition, layers)


def check_existing(translator: FileTranslator, jobs: Sequence[Job]) -> list[Job]:
  """Returns the jobs that are left to do, those whose files do not all exist.

  Raises:
    UserError: a file exists that another model, or other options, made.
  """
  left, options = [], translator.options
  for job in jobs:
    if options.overwrite or not job.target.exists():
      left.append(job)
      continue
    try:
      found = videos.read_texts(job.target) if job.is_video else images.read_texts(job.target)
    except UserError:
      found = {}
    differing = metadata.differences(found, translator.texts)
    if differing:
      details = ', '.join(
        f'{key} {there} there, {here or "none"} now'
        for key, (there, here) in differing.items()
        if there
      )
      raise UserError(
        f'{job.target} exists, and this model with these options did not make it'
        f'{f" ({details})" if details else ""}. Choose another --output, or --overwrite.'
      )
    if not all(target.exists() for target in options.targets(job).values()):
      left.append(job)
  return left


def translate_files(
  translator: FileTranslator,
  jobs: Sequence[Job],
  log: Log = print,
  *,
  among: Sequence[Job] | None = None,
) -> list[str]:
  """Translates files; returns a message for each that could not be read, and was skipped.

  Args:
    translator: What translates them.
    jobs: What is to be done.
    log: Takes lines for the user.
    among: All jobs of the command, so that the same programs do those that are left; None if these
      are `jobs`.

  Raises:
    UserError: results cannot be written.
  """
  photos = [job for job in jobs if not job.is_video]
  begin = time.monotonic()
  all_photos = [job for job in among or jobs if not job.is_video]
  chosen = batches_lib.plan(translator, all_photos) if photos else {}
  failures = _translate_images(translator, photos, chosen, log)
  if photos:
    seconds = time.monotonic() - begin
    log(
      f'Translated {len(photos) - len(failures)} of {len(photos)} images in {duration(seconds)}, '
      f'{len(photos) / seconds:.1f} images/s.'
    )
  for job in jobs:
    if job.is_video:
      try:
        videos.translate_file(translator, job, log)
      except UserError as error:
        failures.append(str(error))
      except OSError as error:
        raise _unwritable(job, error) from error
  return failures


def _translate_images(
  translator: FileTranslator, jobs: Sequence[Job], chosen: Canvases, log: Log
) -> list[str]:
  """Translates images in batches, while others are read and written."""
  failures: list[str] = []
  lost: collections.Counter[str] = collections.Counter()
  writing: collections.deque[futures.Future[None]] = collections.deque()
  with (
    futures.ThreadPoolExecutor(THREADS) as readers,
    futures.ThreadPoolExecutor(THREADS) as writers,
    Programs(translator, jobs, chosen) as programs,
  ):
    read = batches_lib.read_ahead(readers, translator, jobs, chosen)
    read = tracked(read, len(jobs), 'Translating', log)
    for canvas, batch in batches_lib.batches(read, chosen, failures, lost):
      interruption.check()
      programs.wait(canvas)
      try:
        scenes = [scene for _, scene in batch]
        results = translator.translate(scenes, str(batch[0][0].source), canvas)
      except UserError as error:
        failures += [str(error)] * len(batch)
        continue
      for (job, scene), result in zip(batch, results):
        writing.append(writers.submit(_write, translator, job, scene.pixels, result))
      while len(writing) > 2 * THREADS:
        writing.popleft().result()
    for written in writing:
      written.result()
  for kind, count in sorted(lost.items()):
    log(codecs.loss(kind, count))
  return failures


def _write(translator: FileTranslator, job: Job, image: np.ndarray, result: np.ndarray) -> None:
  try:
    translator.write(job, image, result)
  except OSError as error:
    raise _unwritable(job, error) from error


def _unwritable(job: Job, error: OSError) -> UserError:
  return UserError(
    f'{job.target} cannot be written: {error.strerror or error}. What was written before is '
    'complete, and the same command continues.'
  )
