"""A virtual Keithley 4200A-SCS: KXCI, SMUs, 4225-PMU with RPM."""
