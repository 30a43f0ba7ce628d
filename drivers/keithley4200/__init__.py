"""Keithley 4200A-SCS with a 4225-PMU, an RPM and an SMU on one cell."""
