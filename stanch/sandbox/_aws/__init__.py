"""The stand-in of AWS, part by part."""
