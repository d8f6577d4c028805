"""IAM's vocabulary: which actions and which ARNs a request is about."""
