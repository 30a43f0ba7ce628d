"""A virtual Keithley 2450: its own SCPI, and that of a 2400."""
