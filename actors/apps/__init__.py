"""What a server does with a call."""
