"""The catalogue: one module per family of verbs, each with its parameter and output models and `ACTIONS`."""
