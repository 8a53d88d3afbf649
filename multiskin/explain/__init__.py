"""Why a network decides as it does: a map for every head, how far it can be trusted, and which grades look wrong."""
