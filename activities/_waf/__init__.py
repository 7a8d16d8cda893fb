"""How AWS WAF is read, planned and written."""
