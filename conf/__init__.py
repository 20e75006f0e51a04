"""The YAML groups of ganx; installed as the package `ganx.conf`."""
