"""EasyPay (EasySoft-Provider 3.1): payments in two phases, XML, RSA with SHA-1 both ways."""
