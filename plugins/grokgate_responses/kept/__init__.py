"""What remains of a turn: stored responses, work in the background, connections."""
