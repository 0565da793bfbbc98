"""One module per step; each is named after its revision."""
