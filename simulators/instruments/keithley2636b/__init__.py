"""A virtual Keithley 2636B, a System SourceMeter with two channels."""
