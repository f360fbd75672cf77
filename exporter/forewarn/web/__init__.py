"""The HTTP server and who may use it: requests, connections, TLS, passwords, and the file that sets them up."""
