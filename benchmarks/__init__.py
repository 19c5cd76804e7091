"""What a call's media costs here and elsewhere: each engine in a process of its own, one load generator."""
