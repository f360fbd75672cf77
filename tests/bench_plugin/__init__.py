"""What the plugin costs the engine: `make bench-plugin`."""
