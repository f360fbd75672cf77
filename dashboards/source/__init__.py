"""Source of the boards: one module a board, one function a panel."""
