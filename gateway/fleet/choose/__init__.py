"""Who answers soonest: rates learned, prefixes kept, queues, circuit breakers."""
