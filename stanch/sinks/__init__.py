"""Encoders for untrusted text, one module per place it is shown or sent; each is pure and knows no vendor library."""
