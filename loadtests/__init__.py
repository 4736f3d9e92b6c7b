"""Load profiles and side-by-side benches. Everything here stays on loopback and stops by itself."""
