"""Сбербанк ЕПС, protocol 1: the bank asks and pays with ACTION=check and ACTION=payment."""
