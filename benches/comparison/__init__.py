"""What `benches/compare` is made of; it needs nothing but Python's standard library."""
