"""What people read: the terminal's table, and Markdown. Built from rows, not from measurements."""
