"""AAU VAP Trimodal: colour, depth and thermal video of people indoors."""
