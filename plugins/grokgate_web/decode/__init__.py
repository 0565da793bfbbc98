"""Bytes of the upstream → events: state machines without I/O."""
