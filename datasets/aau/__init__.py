"""AAU VAP Trimodal: color, depth and thermal video of people indoors."""
