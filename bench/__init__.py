"""Measures of the product, as ratios within one run: `make bench`, figures in docs/performance.md."""
