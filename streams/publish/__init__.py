"""Publishing events: a client for upstream systems, files, the story and synthetic traffic."""
