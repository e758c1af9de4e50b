"""Keep what torch draws for a run of ours apart from what the caller draws."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def kept_random_state() -> Iterator[None]:
    """Leave torch's generators, on all devices, and its choice of algorithms as they were."""
    strict = torch.are_deterministic_algorithms_enabled()
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    with torch.random.fork_rng(device_type=found.type if found is not None else "cuda"):
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(strict)
