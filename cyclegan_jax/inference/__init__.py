"""Uses of a trained model: translating files, exporting, importing, and a page to try it out."""
