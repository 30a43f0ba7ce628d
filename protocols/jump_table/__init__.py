"""Jump tables: how far one pulse moves the conductance, over the conductance."""
