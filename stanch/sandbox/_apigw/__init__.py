"""The stand-in of API Gateway, part by part."""
