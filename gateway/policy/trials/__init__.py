"""Questions that decide nothing: cases, explanations, the past again, a policy beside the one in force."""
