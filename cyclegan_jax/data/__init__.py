"""The way from prepared examples to batches on the devices: decoding, pairing, augmentation.

Pixels stay integers, 8 or 16 bits, until `pipeline` normalizes a batch. The package knows no data
set by name; those are in `datasets`.
"""
