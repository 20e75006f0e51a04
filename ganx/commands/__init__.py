"""The commands: one thin module each, imported only when it is asked for. Each has `run(argv) -> exit code`."""

from __future__ import annotations

import argparse
from typing import NoReturn

from ganx.errors import UserError


class Parser(argparse.ArgumentParser):
    """argparse, complaining in one line as every other part of ganx does."""

    def error(self, message: str) -> NoReturn:
        """Raise UserError instead of printing the usage."""
        raise UserError(f"{message}; see {self.prog} --help")
