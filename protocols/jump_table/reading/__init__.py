"""Points of jump tables: read from runs and files, their bounds, and what read noise does."""
