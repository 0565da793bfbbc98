"""What a client asks: wire types, items, tools, and the way to a conversation. Pure."""
