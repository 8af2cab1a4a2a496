"""How many persons' data left their country: counted before a question, written before an intent."""
