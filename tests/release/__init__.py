"""What `make release` builds, installed where nothing else is."""
