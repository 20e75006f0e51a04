"""One file per paper method, each readable beside the paper's algorithm."""
