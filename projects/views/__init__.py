"""Pages of projects: each view checks who asks, calls one action, renders."""
