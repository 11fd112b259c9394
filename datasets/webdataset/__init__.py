"""Pairs in tar archives, in WebDataset's layout."""
