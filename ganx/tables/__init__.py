"""Published tables, made again: a table is a pure function of run folders. Never torch."""
