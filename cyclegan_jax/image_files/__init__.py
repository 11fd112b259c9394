"""Image files of every kind, to pixels and back."""
