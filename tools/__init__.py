"""Programs for people who work on forewarn; none of them is shipped."""
