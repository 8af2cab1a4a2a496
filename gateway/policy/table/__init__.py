"""The rule table: what a person writes, what it means, what OPA is given of it."""
