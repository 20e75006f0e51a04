"""How adversarial training runs on Lightning: the base module, blocks, the replica axis, exact resume, figures."""
