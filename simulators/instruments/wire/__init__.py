"""How bytes come to a virtual instrument, and answers go back; what goes wrong on the way."""
