"""What `zen plugin` does for the authors of plugins: write one, check one, describe one, try all, block one."""
