"""DynamoDB engines for the tests beside localaws, written by others: ministack (Python) and dynalite (Node)."""
