"""Benches: ratios within one run, printed with what they were measured on."""
