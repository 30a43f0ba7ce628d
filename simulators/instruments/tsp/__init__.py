"""TSP, Keithley's Lua: the language of the virtual instruments that speak it."""
