"""Every secret behind one door: pepper, tenant keys, log key; each with an id."""
