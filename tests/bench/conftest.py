"""Makes the benchmark's own modules importable to the tests of their rules."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
