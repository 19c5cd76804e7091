"""The client side of the wire: a `Device` that places and takes calls."""
