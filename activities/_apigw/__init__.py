"""How API Gateway is read and changed."""
