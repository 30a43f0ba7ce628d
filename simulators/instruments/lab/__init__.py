"""The lab: cells, what is wired to them, a clock, and the process that it all lives in."""
