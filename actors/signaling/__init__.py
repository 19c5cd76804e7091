"""The wire between a client and the gateway: messages, schema, sessions, sockets."""
