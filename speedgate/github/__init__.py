"""GitHub's interface, as far as a comment and an issue need it. It imports nothing of ours."""
