"""What Tapeline promises in numbers, measured: ``python -m benchmarks``. No test depends on these."""
