"""What one release changes against another, from their files alone: nothing of either is run."""
