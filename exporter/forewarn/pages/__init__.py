"""Static files of the status page, read as package data; served at `/` and under `/static/`."""
