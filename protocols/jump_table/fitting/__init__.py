"""From points to a jump table: binning, splines, polynomials, kriging, and a search."""
