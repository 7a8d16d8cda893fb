"""What happens to a delivery before anything is stored: proof of sender, limits, parsing, redaction."""
