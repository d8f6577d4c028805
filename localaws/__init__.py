"""AWS on one loopback port, for the demo, the tests and game days.

An asynchronous CloudFormation engine stands in front of moto, which answers every other service. Nobody imports this
package but tests and the launcher: the portal reaches it through `AWS_ENDPOINT_URL` alone.
"""
