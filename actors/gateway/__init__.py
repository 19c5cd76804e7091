"""The server side of the wire: registrations, routing, reconnect tokens."""
