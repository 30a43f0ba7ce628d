"""What the pulse generators of Keysight have in common: pulses, rest at 0 V, a fence."""
