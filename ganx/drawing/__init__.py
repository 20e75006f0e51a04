"""Figures: how they are plotted, and which of them a run leaves behind."""
