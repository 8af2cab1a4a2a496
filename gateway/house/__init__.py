"""The house: builds rooms and hands them to each other. Nothing else does."""
