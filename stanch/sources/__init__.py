"""Vendor bodies to canonical findings: the adapter engine and one YAML file per vendor."""
