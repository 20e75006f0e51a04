"""The one thing pyproject.toml cannot say: the packages that are there, plus conf/ under the name ganx.conf."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["ganx", "ganx.*"]), "ganx.conf"])
