"""Django's own cache tests, run through `dynamodb_cache.DynamoDBCache` on the local AWS.

Run them alone with `python -m pytest tests/django_suite`; `make test` runs them with the rest. The tests are Django's, of
exactly the pinned version: `source.py` fetches its source distribution once into `.cache/`, none of it is kept in this
repository. `groups.py` says what is run, how many tests that must be, and which are left out and why; `cases.py` hands
Django's test classes our backend; `run.py` runs one group in a process of its own. Without network and without the
unpacked folder the tests are skipped, saying so; on the build server (`CI` is set) they fail.
"""
