"""How a device that no connector knows is asked."""
