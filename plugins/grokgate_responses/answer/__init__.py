"""What a client gets: the response object, its items, and the events of a stream. Pure."""
