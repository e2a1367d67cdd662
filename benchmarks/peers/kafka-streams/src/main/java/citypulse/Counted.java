package citypulse;

/** A valid event: who it is, and where it counts. */
record Counted(String identity, String pane, long minor) {}
