"""ganx: generative adversarial networks as reproducible experiments."""

__version__ = "0.1.0"
