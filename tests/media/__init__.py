"""What happens to a recording's files after the call, on real files."""
