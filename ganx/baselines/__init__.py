"""Methods that are not trained by gradient: thin wrappers with the abilities that evaluation asks for.

A baseline has `fit(x, m, y)` and `impute(x, m)` or `classify(x, m)` or both, on numpy arrays of one replica:
x (n, d) scaled features with 0 where unknown, m (n, d) bool with True = observed, y (n,) class or -1.

scikit-learn fits. What answers later is plain arrays, read here: `state()` returns them, and `load_state(arrays)` makes
of a new instance, with the same options, one that gives the same answers to the bit, without the training data.
"""
