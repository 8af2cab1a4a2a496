"""Break-glass: grants that two approvers sign, and what becomes of them."""
