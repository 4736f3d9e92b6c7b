"""The signed "act" XML of Центральная касса (BiSys), and of an older Sberbank interface."""
