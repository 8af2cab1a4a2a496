"""A simulated fleet: the gateway's own chooser beside simple rules and an oracle, on seeded traces. No wall clock."""
