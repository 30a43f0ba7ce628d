"""A virtual Keithley 707B, a switching matrix."""
