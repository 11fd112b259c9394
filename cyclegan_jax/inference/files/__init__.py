"""The files around a translation: what goes in, what belongs to it, what comes out."""
