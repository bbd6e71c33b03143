"""Who serves models: the ports, the catalog of what is served, and one implementation a file."""
