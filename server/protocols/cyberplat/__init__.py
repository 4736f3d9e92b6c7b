"""CyberPlat: parameters in, XML out, RSA in both directions."""
