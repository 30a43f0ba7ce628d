"""ArC ONE: a board that pulses and reads the cells of an array, one after the other."""
