"""Tools of the rules pack: its tests, the check that the tests notice damage, and its generated files."""
