"""Load-time checks of a playbook, one module per question."""
