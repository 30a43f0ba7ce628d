"""How good a fitted jump table is, told in lines and pictures; and how far a twin is off."""
