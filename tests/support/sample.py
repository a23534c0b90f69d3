"""The seed of random samples."""

import os
from datetime import UTC, datetime

SEED = os.environ.get("SAMPLE_SEED") or datetime.now(UTC).date().isoformat()
"""The day, or what repeats a run of another day."""
