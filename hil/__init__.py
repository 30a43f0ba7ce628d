"""hil: write a memristor measurement once; run it on simulated, virtual and real benches."""
