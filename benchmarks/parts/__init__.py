"""What ``benchmarks/recovery.py`` is made of: the peers, the growth of the work, and streams."""
