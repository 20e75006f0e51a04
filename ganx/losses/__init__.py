"""Losses and penalties that methods share. Every loss has shape (R,): one number per replica."""
