"""Сбербанк's registry of payments, with what the bank keeps and passes on."""
