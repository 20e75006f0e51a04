"""The figures of papers: their definitions, and how they are drawn from finished runs."""
