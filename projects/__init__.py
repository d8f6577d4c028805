"""Projects, their buckets and their users."""
