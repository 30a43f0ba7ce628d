"""First measurements on a cell: forming, and quasi-static I-V sweeps."""
