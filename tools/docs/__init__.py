"""Writes the pages of docs/ that say what code already says, and proves that they are current."""
