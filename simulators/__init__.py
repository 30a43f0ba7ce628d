"""Simulated devices, crossbars and instruments."""
