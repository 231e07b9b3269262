"""Speech for the demo's calls: data files and their loader."""
