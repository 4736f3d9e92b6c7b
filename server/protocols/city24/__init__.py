"""City24, Platezhka, BNK24: a flat `commandCall` in XML, answered by a `commandResponse`."""
