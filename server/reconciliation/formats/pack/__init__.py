"""«Пачка оплат», the universal registry of settlement centres, versions 1.00 and 1.02."""
