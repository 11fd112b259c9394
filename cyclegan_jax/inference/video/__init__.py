"""Videos, frame by frame."""
