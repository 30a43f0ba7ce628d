"""A bench of several boxes: a source meter, a pulse generator, a switch between them."""
