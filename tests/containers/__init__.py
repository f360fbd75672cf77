"""The images and the compose file, run for real by podman (`make test-containers`). Needs root, and Debian."""
