"""Rendering of one frame: the entry point of the renderer."""

from collections.abc import Sequence
import dataclasses

import numpy as np

from datasets.synthetic import camera, objects, painter as painter_lib, scene as scene_lib

# Air that is so much warmer, in kelvin: from a winter's day to a summer's.
OFFSETS = (-10.0, -5.0, 0.0, 5.0, 10.0)


@dataclasses.dataclass(frozen=True)
class Rendering:
  """One image pair and its ground truth."""

  rgb: np.ndarray  # uint8 [height, width, 3]
  ir: np.ndarray  # uint8 [height, width, 1]; see `camera.render_ir` for its scale
  temperature: np.ndarray  # float32 [height, width], kelvin; see `camera.surface_temperatures`
  depth: np.ndarray  # float32 [height, width], meters; see `camera.Frame`
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
    depth=frame.depth,
    labels=frame.surfaces[..., painter_lib.LABEL].astype(np.uint8),
  )


def counterfactuals(
  scene: scene_lib.Scene,
  seed: int,
  sequence: int,
  frame_number: int,
  height: int,
  width: int,
  offsets: Sequence[float] = OFFSETS,
) -> list[Rendering]:
  """Renders a frame in air that is warmer by each of the offsets, in kelvin.

  The arguments are those of `render`. RGB and labels are the same in all of them, bit by bit,
  because only the thermal camera depends on the temperature of the air; the noise of both cameras
  is the same, too.
  """
  return [
    render(scene.warmed(offset), seed, sequence, frame_number, height, width) for offset in offsets
  ]
