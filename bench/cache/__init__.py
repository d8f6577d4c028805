"""The cache against its peers, as ratios within one run: `make bench-cache`, figures in docs/performance.md."""
