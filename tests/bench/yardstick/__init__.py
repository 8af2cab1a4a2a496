"""What the benchmarks are made of: rules (`stats`, `table`), the machine, the peers, and the run itself."""
