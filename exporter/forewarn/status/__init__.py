"""The status page's data: what a person should see now, and the last ten minutes of it."""
