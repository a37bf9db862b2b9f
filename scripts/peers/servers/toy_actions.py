"""Actions that anyone can compute again: what a peer's server answers where no model is at hand."""

import numpy as np


def toy_actions(image: np.ndarray, state: np.ndarray | None, text: str, steps: int, dims: int = 7) -> np.ndarray:
    """[steps, dims] float32 in [-0.05, 0.05]: a hash of what was seen, so that a wrong byte shows."""
    pixels = int(image.astype(np.uint64).sum()) % 9973
    numbers = 0.0 if state is None else float(np.asarray(state, np.float64).sum())
    phase = pixels / 9973 + numbers + len(text)
    grid = np.arange(steps * dims, dtype=np.float64).reshape(steps, dims)
    return (0.05 * np.sin(phase + grid)).astype(np.float32)
