"""Modeling bias: what a jump table makes of the accuracy of a network that is trained on it."""
