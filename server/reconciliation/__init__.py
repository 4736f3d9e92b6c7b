"""Registries of agents against what we recorded: intake, matching, mismatches, resolution."""
