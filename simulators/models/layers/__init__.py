"""What real cells do and a model leaves out: each in a layer around any model."""
