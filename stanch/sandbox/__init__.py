"""Stateful stand-ins for vendors on real sockets, used by the demo, simulations, tabletops and tests."""
