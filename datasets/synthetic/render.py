"""Rendering of one frame: the entry point of the renderer."""

import dataclasses

import numpy as np

from datasets.synthetic import camera, objects, painter as painter_lib, scene as scene_lib


@dataclasses.dataclass(frozen=True)
class Rendering:
  """One image pair and its ground truth."""

  rgb: np.ndarray  # uint8 [height, width, 3]
  ir: np.ndarray  # uint8 [height, width, 1]; see `camera.render_ir` for its scale
  temperature: np.ndarray  # float32 [height, width], kelvin; see `camera.surface_temperatures`
  labels: np.ndarray  # uint8 [height, width], indices into `materials.CLASS_NAMES`


def render(
  scene: scene_lib.Scene, seed: int, sequence: int, frame_number: int, height: int, width: int
) -> Rendering:
  """Renders a frame of a sequence, always the same for the same arguments.

  The scene is what `layout.random_scene(seed, sequence)` returned, `seed` the data set's; frames
  are counted within a sequence; height and width are in pixels.
  """
  rng = np.random.default_rng([seed, scene_lib.FRAME_STREAM, sequence, frame_number])
  scene = scene.at_frame(rng)
  painter = painter_lib.Painter(scene, height, width)
  objects.paint_scene(painter, scene)
  frame = camera.Frame(scene, painter, height, width)
  temperature = camera.surface_temperatures(frame, scene)
  return Rendering(
    rgb=camera.render_rgb(frame, scene, rng),
    ir=camera.render_ir(frame, scene, temperature, rng, seed),
    temperature=temperature,
    labels=frame.surfaces[..., painter_lib.LABEL].astype(np.uint8),
  )
