"""How many runs are launched: plug-ins of Hydra."""
