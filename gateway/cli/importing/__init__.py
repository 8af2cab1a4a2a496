"""What other gateways' configuration becomes here; nothing of it is left out in silence."""
