"""Why a network says what it says: a map for every head, how far it can be trusted, and which grades look wrong."""
