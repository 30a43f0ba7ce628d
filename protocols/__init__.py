"""What people do with a bench, one folder a capability."""
