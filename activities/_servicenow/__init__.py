"""How the ServiceNow connector talks to ServiceNow."""
