"""The demo's people. Their password stands on screen, so they exist only beside a local AWS (portal/checks.py)."""

PASSWORD = "stackport-demo"  # noqa: S105 - shown on screen

PEOPLE: tuple[tuple[str, str, dict[str, bool]], ...] = (
    ("ana@example.com", "Ana Almeida", {}),
    ("ben@example.com", "Ben Brandt", {}),
    ("olga@example.com", "Olga Orlova", {}),
    ("vera@example.com", "Vera Vogel", {}),
    ("sam@example.com", "Sam Svensson", {"is_staff": True, "is_superuser": True}),
)
