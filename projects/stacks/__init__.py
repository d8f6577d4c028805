"""The CloudFormation engine: specs, templates, policies and statuses are pure; steps and mirror talk to AWS."""
