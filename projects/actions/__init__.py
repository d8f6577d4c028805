"""What the portal does: each action holds the rules and one transaction; AWS work is asked for on commit."""
