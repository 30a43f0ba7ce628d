"""Jump tables as model files: written, taken from others, and told of simulated devices."""
