"""How blocks are written for nginx with ModSecurity."""
