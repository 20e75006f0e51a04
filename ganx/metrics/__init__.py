"""One function per published metric: numpy arrays in, a float out, NaN when there is nothing to score.

Nothing is imported here, so that `ganx.metrics.registry`, which knows the metrics by name, costs no numpy.
"""
