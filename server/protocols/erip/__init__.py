"""ЕРИП / iPay (Belarus): five messages in windows-1251, salted MD5 in a header both ways."""
