"""WHERE a request may go: the question, the door and its client, the facts, the words of an answer."""
