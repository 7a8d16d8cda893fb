"""How blocks are written for Envoy, and read back."""
