"""The life of a run: signature, folder and states, lock, provenance."""
