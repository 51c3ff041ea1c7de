"""Everything that knows Albumentations: hooks, rows, label encoders, random streams."""
