"""What all tests share: the tools on the path, and none of the user's own configuration."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from chapters import settle_environment

settle_environment()
