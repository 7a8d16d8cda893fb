"""The stand-in of ServiceNow, part by part."""
