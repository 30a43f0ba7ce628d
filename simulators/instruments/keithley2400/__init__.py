"""A virtual Keithley 2400: SCPI of the 2400 series, which a 2450 speaks too."""
