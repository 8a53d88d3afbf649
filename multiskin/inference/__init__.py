"""A trained network on photographs, without Lightning."""
