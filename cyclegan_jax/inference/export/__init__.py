"""A trained generator as a file that runs without this program: ONNX, StableHLO."""
