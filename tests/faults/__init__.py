"""What the sidecar does on bad days of its engine, of the wire between them and of its own host."""
