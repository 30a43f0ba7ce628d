"""What cells do while their lines are driven: the network solved along with their states."""
