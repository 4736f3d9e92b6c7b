"""The commands of `kvitok`, a module for each thing they are about."""
