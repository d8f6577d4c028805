"""Tests in a real Chromium against the real product: local AWS, web and worker as processes of their own."""
