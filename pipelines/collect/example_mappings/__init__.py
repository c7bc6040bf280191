"""Mappings that show how files of the table connector are read; `EXAMPLES` is the folder they lie in."""

from pathlib import Path

EXAMPLES = Path(__file__).parent
