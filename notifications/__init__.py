"""What AWS tells us, and what reaches the browser. Knows no project: `projects` registers itself here."""
