"""Where uploaded files lie: the port and one implementation a file."""
