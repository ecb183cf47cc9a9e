"""What several test modules share. ``loads`` is imported by runner and worker processes, too."""
