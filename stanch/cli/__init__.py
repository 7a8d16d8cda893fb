"""The command line `stanch`."""
