"""Click SHOP-API (Uzbekistan): Prepare holds a payment, Complete credits it; MD5 signatures."""
