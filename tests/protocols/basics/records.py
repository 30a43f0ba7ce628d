"""Records of batches as flat columns."""

import numpy as np

from hil.protocol import Batch, Table


def flat(batch: Batch) -> Table:
    return {
        name: np.broadcast_to(value, batch.rows) if np.ndim(value) == 0 else np.ravel(value)
        for name, value in batch.values.items()
    }


def joined(parts: list[Table]) -> Table:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
