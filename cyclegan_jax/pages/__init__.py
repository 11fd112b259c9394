"""HTML pages: what they share, and the files that they are made of."""
