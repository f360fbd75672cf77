"""stub"""

NEWEST = "0.32.0"
